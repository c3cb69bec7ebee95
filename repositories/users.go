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

const (
	userByID = `-- name: users.get
SELECT id, email, name, role, password_hash FROM users WHERE id = $1`
	userByEmail = `-- name: users.by_email
SELECT id, email, name, role, password_hash FROM users WHERE lower(email) = lower($1)`
)

// Get is part of services.UserStore.
func (s *Users) Get(ctx context.Context, id int64) (services.User, error) {
	return s.one(ctx, userByID, id)
}

// ByEmail is part of services.UserStore.
func (s *Users) ByEmail(ctx context.Context, email string) (services.User, error) {
	return s.one(ctx, userByEmail, email)
}

func (s *Users) one(ctx context.Context, query string, arg any) (services.User, error) {
	var u services.User
	err := s.db.GetContext(ctx, &u, query, arg)
	if errors.Is(err, sql.ErrNoRows) {
		return services.User{}, services.ErrNoUser
	}
	return u, postgres.WrapError("read a user", err)
}

const createUser = `-- name: users.create
INSERT INTO users (email, name, role, password_hash) VALUES ($1, $2, $3, $4) RETURNING id`

// Create is part of services.UserStore.
func (s *Users) Create(ctx context.Context, u services.User) (int64, error) {
	var id int64
	err := s.db.GetContext(ctx, &id, createUser, u.Email, u.Name, u.Role, u.PasswordHash)
	if postgres.Violates(err, postgres.UniqueViolation, "users_email_key") {
		return 0, services.ErrEmailTaken
	}
	return id, postgres.WrapError("create a user", err)
}
