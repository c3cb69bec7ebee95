package repositories

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services"
)

// Users keeps users in PostgreSQL.
type Users struct{ db *sqlx.DB }

// NewUsers returns the users in db.
func NewUsers(db *sqlx.DB) *Users { return &Users{db: db} }

// userColumns are those that are scanned into a services.User.
const userColumns = "id, email, name, role, password_hash, credentials_version"

const (
	userByID = `-- name: users.get
SELECT ` + userColumns + ` FROM users WHERE id = $1`
	userByEmail = `-- name: users.by_email
SELECT ` + userColumns + ` FROM users WHERE lower(email) = lower($1)`
	listUsers = `-- name: users.list
SELECT ` + userColumns + ` FROM users WHERE id > $1 ORDER BY id LIMIT $2`
)

// Get is part of services.UserStore.
func (s *Users) Get(ctx context.Context, id int64) (services.User, error) {
	return oneUser(ctx, s.db, "read a user", userByID, id)
}

// ByEmail is part of services.UserStore.
func (s *Users) ByEmail(ctx context.Context, email string) (services.User, error) {
	return oneUser(ctx, s.db, "read a user", userByEmail, email)
}

// List is part of services.UserStore.
func (s *Users) List(ctx context.Context, afterID int64, limit int) ([]services.User, error) {
	users := []services.User{}
	err := postgres.From(ctx, s.db).SelectContext(ctx, &users, listUsers, afterID, limit)
	return users, postgres.WrapError("list users", err)
}

// oneUser returns the user that a statement gives, or services.ErrNoUser or ErrEmailTaken.
func oneUser(ctx context.Context, on sqlx.QueryerContext, doing, query string, args ...any) (services.User, error) {
	var u services.User
	err := sqlx.GetContext(ctx, on, &u, query, args...)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return services.User{}, services.ErrNoUser
	case postgres.Violates(err, postgres.UniqueViolation, "users_email_key"):
		return services.User{}, services.ErrEmailTaken
	}
	return u, postgres.WrapError(doing, err)
}
