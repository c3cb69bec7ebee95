package repositories

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories/outbox"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services"
)

// AccountLinks keeps mailed links in PostgreSQL.
type AccountLinks struct {
	db  *sqlx.DB
	box *outbox.Outbox
}

// NewAccountLinks returns the links in db. Notices go into the box.
func NewAccountLinks(db *sqlx.DB, box *outbox.Outbox) *AccountLinks {
	return &AccountLinks{db: db, box: box}
}

const (
	addLink = `-- name: account_links.add
INSERT INTO account_links (token_hash, purpose, user_id, credentials_version, email, name, expires_at)
VALUES ($1, $2, nullif($3, 0), $4, $5, $6, $7)`
	getLink = `-- name: account_links.get
SELECT token_hash, purpose, coalesce(user_id, 0) AS user_id, credentials_version, email, name, expires_at
FROM account_links WHERE token_hash = $1 AND expires_at > $2`
	useLink = `-- name: account_links.use
DELETE FROM account_links WHERE token_hash = $1 AND expires_at > $2 RETURNING token_hash`
	deleteExpiredLinks = `-- name: account_links.delete_expired
DELETE FROM account_links WHERE expires_at <= $1`

	resetPassword = `-- name: account_links.reset_password
UPDATE users SET password_hash = $3, credentials_version = credentials_version + 1
WHERE id = $1 AND credentials_version = $2 RETURNING ` + userColumns
	changeEmail = `-- name: account_links.change_email
UPDATE users SET email = $3, credentials_version = credentials_version + 1
WHERE id = $1 AND credentials_version = $2 RETURNING ` + userColumns
)

// Add is part of services.AccountLinkStore.
func (s *AccountLinks) Add(ctx context.Context, l services.AccountLink) error {
	_, err := postgres.From(ctx, s.db).ExecContext(ctx, addLink,
		l.TokenHash, l.Purpose, l.UserID, l.CredentialsVersion, l.Email, l.Name, l.ExpiresAt)
	return postgres.WrapError("add an account link", err)
}

// Get is part of services.AccountLinkStore.
func (s *AccountLinks) Get(ctx context.Context, tokenHash []byte, at time.Time) (l services.AccountLink, err error) {
	err = postgres.From(ctx, s.db).GetContext(ctx, &l, getLink, tokenHash, at)
	if errors.Is(err, sql.ErrNoRows) {
		return l, services.ErrLinkOver
	}
	return l, postgres.WrapError("read an account link", err)
}

// CreateUser is part of services.AccountLinkStore.
func (s *AccountLinks) CreateUser(
	ctx context.Context, l services.AccountLink, at time.Time, hash string,
) (services.User, error) {
	return s.use(ctx, l, at, func(ctx context.Context, tx postgres.Queries) (services.User, error) {
		return oneUser(ctx, tx, "create a user by a link", createUser, l.Email, l.Name, services.Member, hash)
	})
}

// ResetPassword is part of services.AccountLinkStore.
func (s *AccountLinks) ResetPassword(
	ctx context.Context, l services.AccountLink, at time.Time, hash string,
) (services.User, error) {
	return s.use(ctx, l, at, func(ctx context.Context, tx postgres.Queries) (services.User, error) {
		return oneUser(ctx, tx, "reset a password", resetPassword, l.UserID, l.CredentialsVersion, hash)
	})
}

// ChangeEmail is part of services.AccountLinkStore.
func (s *AccountLinks) ChangeEmail(
	ctx context.Context, l services.AccountLink, at time.Time, notice services.AccountMail,
) (services.User, error) {
	return s.use(ctx, l, at, func(ctx context.Context, tx postgres.Queries) (services.User, error) {
		u, err := oneUser(ctx, tx, "change an e-mail address", changeEmail, l.UserID, l.CredentialsVersion, l.Email)
		if err != nil {
			return u, err
		}
		return u, s.box.Add(ctx, notice.Kind, notice)
	})
}

// use deletes the link and runs its effect in one transaction. A second use waits for the
// row, and finds no link then.
func (s *AccountLinks) use(
	ctx context.Context, l services.AccountLink, at time.Time,
	effect func(context.Context, postgres.Queries) (services.User, error),
) (u services.User, err error) {
	err = postgres.Transactions(s.db, sql.LevelDefault)(ctx, func(ctx context.Context) error {
		tx := postgres.From(ctx, s.db)
		var used []byte
		err := tx.GetContext(ctx, &used, useLink, l.TokenHash, at)
		if errors.Is(err, sql.ErrNoRows) {
			return services.ErrLinkOver
		}
		if err != nil {
			return postgres.WrapError("use an account link", err)
		}
		u, err = effect(ctx, tx)
		if errors.Is(err, services.ErrNoUser) { // deleted, or the credentials have changed
			return services.ErrLinkOver
		}
		return err
	})
	return u, err
}

// DeleteExpired is part of services.AccountLinkStore.
func (s *AccountLinks) DeleteExpired(ctx context.Context, at time.Time) error {
	_, err := postgres.From(ctx, s.db).ExecContext(ctx, deleteExpiredLinks, at)
	return postgres.WrapError("delete expired account links", err)
}
