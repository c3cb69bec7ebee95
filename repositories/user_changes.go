package repositories

import (
	"context"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services"
)

const (
	createUser = `-- name: users.create
INSERT INTO users (email, name, role, password_hash) VALUES ($1, $2, $3, $4) RETURNING ` + userColumns
	setUserRole = `-- name: users.set_role
UPDATE users SET role = $2 WHERE id = $1 RETURNING ` + userColumns
	setUserPassword = `-- name: users.set_password
UPDATE users SET password_hash = $2, credentials_version = credentials_version + 1
WHERE id = $1 AND $3::bigint IN (0, credentials_version) RETURNING ` + userColumns
	endUserSessions = `-- name: users.end_sessions
UPDATE users SET credentials_version = credentials_version + 1 WHERE id = $1 RETURNING ` + userColumns
	deleteUser = `-- name: users.delete
DELETE FROM users WHERE id = $1 AND $2::bigint IN (0, credentials_version) RETURNING ` + userColumns
)

// Create is part of services.UserStore.
func (s *Users) Create(ctx context.Context, u services.User) (services.User, error) {
	return s.change(ctx, "create a user", createUser, u.Email, u.Name, u.Role, u.PasswordHash)
}

// SetRole is part of services.UserStore.
func (s *Users) SetRole(ctx context.Context, id int64, role services.Role) (services.User, error) {
	return s.change(ctx, "set a user's role", setUserRole, id, role)
}

// SetPassword is part of services.UserStore.
func (s *Users) SetPassword(ctx context.Context, id, version int64, hash string) (services.User, error) {
	return s.change(ctx, "set a user's password", setUserPassword, id, hash, version)
}

// EndSessions is part of services.UserStore.
func (s *Users) EndSessions(ctx context.Context, id int64) (services.User, error) {
	return s.change(ctx, "end a user's sessions", endUserSessions, id)
}

// Delete is part of services.UserStore. What belongs to the user has a foreign key with
// ON DELETE CASCADE.
func (s *Users) Delete(ctx context.Context, id, version int64) error {
	_, err := s.change(ctx, "delete a user", deleteUser, id, version)
	return err
}

// change runs a statement in a transaction: database/sql sends a single one again where
// the connection ends before the answer, and a second deletion would find no user.
func (s *Users) change(ctx context.Context, doing, query string, args ...any) (u services.User, err error) {
	err = postgres.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		u, err = oneUser(ctx, tx, doing, query, args...)
		return err
	})
	return u, err
}
