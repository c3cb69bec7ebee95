package repositories

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services"
)

// Tokens keeps the tokens of users in PostgreSQL.
type Tokens struct{ db *sqlx.DB }

// NewTokens returns the tokens in db.
func NewTokens(db *sqlx.DB) *Tokens { return &Tokens{db: db} }

//nolint:gosec // no secret
const tokenColumns = "id, user_id, name, scope, hash, credentials_version, created_at, expires_at, last_used_at"

// Those of older credentials have ended for good.
//
//nolint:gosec // no secret
const deleteEndedTokens = `-- name: tokens.delete_ended
DELETE FROM api_tokens WHERE user_id = $1 AND credentials_version < $2`

// Tokens that are made at the same moment may be some more than the limit.
const createToken = `-- name: tokens.create
INSERT INTO api_tokens (user_id, name, scope, hash, credentials_version, expires_at)
SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT count(*) FROM api_tokens WHERE user_id = $1) < $7
RETURNING ` + tokenColumns

// Create is part of services.TokenStore.
func (s *Tokens) Create(ctx context.Context, t services.Token) (stored services.Token, err error) {
	// In a transaction: database/sql sends a single statement again where the connection
	// ends before the answer, and the second one would meet the hash of the first.
	err = postgres.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, deleteEndedTokens, t.UserID, t.CredentialsVersion); err != nil {
			return err
		}
		return tx.GetContext(ctx, &stored, createToken,
			t.UserID, t.Name, t.Scope, t.Hash, t.CredentialsVersion, t.ExpiresAt, services.MaxTokens)
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return services.Token{}, services.ErrTooManyTokens
	case postgres.Violates(err, postgres.ForeignKeyViolation, "api_tokens_user_id_fkey"):
		return services.Token{}, services.ErrNoUser
	}
	return stored, postgres.WrapError("create a token", err)
}

const listTokens = `-- name: tokens.list
SELECT ` + tokenColumns + ` FROM api_tokens
WHERE user_id = $1 AND credentials_version = (SELECT credentials_version FROM users WHERE id = $1) ORDER BY id DESC`

// List is part of services.TokenStore.
func (s *Tokens) List(ctx context.Context, userID int64) ([]services.Token, error) {
	tokens := []services.Token{}
	err := postgres.From(ctx, s.db).SelectContext(ctx, &tokens, listTokens, userID)
	return tokens, postgres.WrapError("list tokens", err)
}

const (
	tokenByID = `-- name: tokens.get
SELECT ` + tokenColumns + ` FROM api_tokens WHERE user_id = $1 AND id = $2`
	tokenByHash = `-- name: tokens.find
SELECT ` + tokenColumns + ` FROM api_tokens WHERE hash = $1`
)

// Get is part of services.TokenStore.
func (s *Tokens) Get(ctx context.Context, userID, id int64) (services.Token, error) {
	return s.one(ctx, tokenByID, userID, id)
}

// Find is part of services.TokenStore.
func (s *Tokens) Find(ctx context.Context, hash string) (services.Token, error) {
	return s.one(ctx, tokenByHash, hash)
}

func (s *Tokens) one(ctx context.Context, query string, args ...any) (services.Token, error) {
	var t services.Token
	err := postgres.From(ctx, s.db).GetContext(ctx, &t, query, args...)
	if errors.Is(err, sql.ErrNoRows) {
		return services.Token{}, services.ErrNoToken
	}
	return t, postgres.WrapError("read a token", err)
}

//nolint:gosec // no secret
const deleteToken = `-- name: tokens.delete
DELETE FROM api_tokens WHERE user_id = $1 AND id = $2 RETURNING id`

// Delete is part of services.TokenStore.
func (s *Tokens) Delete(ctx context.Context, userID, id int64) error {
	err := postgres.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		return tx.GetContext(ctx, new(int64), deleteToken, userID, id)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return services.ErrNoToken
	}
	return postgres.WrapError("delete a token", err)
}

// Rows are locked in the order of their ids, since processes do this at the same time.
//
//nolint:gosec // no secret
const setTokensUsed = `-- name: tokens.set_used
UPDATE api_tokens SET last_used_at = $2 WHERE id IN (
    SELECT id FROM api_tokens
    WHERE id = ANY ($1) AND (last_used_at IS NULL OR last_used_at <= $2::timestamptz - interval '1 minute')
    ORDER BY id FOR UPDATE)`

// SetUsed is part of services.TokenStore.
func (s *Tokens) SetUsed(ctx context.Context, ids []int64, at time.Time) error {
	_, err := postgres.From(ctx, s.db).ExecContext(ctx, setTokensUsed, pq.Array(ids), at)
	return postgres.WrapError("store when tokens were used", err)
}
