package services

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/prefab/services/problem"
)

// Scope says what a token is good for. Each one includes those before it.
type Scope string

// The scopes.
const (
	ScopeRead  Scope = "read"  // requests that only read
	ScopeWrite Scope = "write" // all that its user may do, but for an admin's work
	ScopeAdmin Scope = "admin" // that too, while its user is an admin
)

var scopes = []Scope{ScopeRead, ScopeWrite, ScopeAdmin}

// Includes reports whether a token with the scope may do what needs the other one.
func (s Scope) Includes(other Scope) bool {
	return slices.Index(scopes, s) >= slices.Index(scopes, other)
}

// Token lets a program act for a user. The secret itself is shown once and not stored.
type Token struct {
	ID         int64      `json:"id"`
	Name       string     `json:"name"`
	Scope      Scope      `json:"scope" enum:"read,write,admin"`
	CreatedAt  time.Time  `json:"createdAt"`
	ExpiresAt  time.Time  `json:"expiresAt"`
	LastUsedAt *time.Time `json:"lastUsedAt" doc:"Some minutes late; null: never."`

	UserID             int64  `json:"-"`
	CredentialsVersion int64  `json:"-"` // the user's when it was made
	Hash               string `json:"-"` // of the secret, in hexadecimal digits
}

// NewToken is a token that was just made, with its secret.
type NewToken struct {
	Token
	Secret string `json:"token" doc:"Shown once."`
}

const (
	maxTokenDays = 365
	// MaxTokens is how many tokens a user may have.
	MaxTokens = 50
)

// TokenFields are what a user writes of a token. A nil field is not given.
type TokenFields struct {
	Name          *string `json:"name"`
	Scope         *string `json:"scope"`
	ExpiresInDays *int64  `json:"expiresInDays"`
}

// Rules are the rules of each field. The API document tells them, too.
func (f TokenFields) Rules(r *problem.Rules) {
	r.Require("name", f.Name != nil)
	r.Require("scope", f.Scope != nil)
	r.Require("expiresInDays", f.ExpiresInDays != nil)
	if f.Name != nil {
		r.Line("name", *f.Name, 1, 100)
	}
	if f.Scope != nil {
		r.OneOf("scope", *f.Scope, string(ScopeRead), string(ScopeWrite), string(ScopeAdmin))
	}
	if f.ExpiresInDays != nil {
		r.Between("expiresInDays", *f.ExpiresInDays, 1, maxTokenDays)
	}
}

// The errors of tokens.
var (
	ErrNoToken  = &problem.Error{Code: problem.NotFound, Message: "No such token."}
	ErrBadToken = &problem.Error{
		Code: problem.Unauthenticated, Message: "The token is unknown, expired or revoked.",
	}
	ErrScope = &problem.Error{Code: problem.Forbidden, Message: "The token's scope does not allow this."}
	// ErrSessionNeeded is for what only people may do.
	ErrSessionNeeded = &problem.Error{Code: problem.Forbidden, Message: "A token may not do this. Please sign in."}
	ErrTooManyTokens = &problem.Error{
		Code: problem.Conflict, Message: "You have as many tokens as you may have. Please delete one first.",
	}
)

type tokenKey struct{}

// WithToken returns a context of a request that is made with the token.
func WithToken(ctx context.Context, t Token) context.Context {
	return context.WithValue(ctx, tokenKey{}, t)
}

// TokenFrom returns the token that the request is made with, if it is.
func TokenFrom(ctx context.Context) (Token, bool) {
	t, ok := ctx.Value(tokenKey{}).(Token)
	return t, ok
}

// TokenStore stores tokens.
type TokenStore interface {
	Create(ctx context.Context, t Token) (Token, error)           // or ErrTooManyTokens
	List(ctx context.Context, userID int64) ([]Token, error)      // newest first, of the present credentials
	Get(ctx context.Context, userID, id int64) (Token, error)     // or ErrNoToken
	Find(ctx context.Context, hash string) (Token, error)         // or ErrNoToken
	Delete(ctx context.Context, userID, id int64) error           // or ErrNoToken; it holds at once, in all processes
	SetUsed(ctx context.Context, ids []int64, at time.Time) error // at most once a minute for each
}

// Tokens are the rules of tokens.
type Tokens struct {
	store TokenStore
	users *Users

	mu   sync.Mutex
	used map[int64]bool // ids since the last StoreUses
}

// maxUsed bounds the memory of uses; those of more tokens are not recorded.
const maxUsed = 10_000

// NewTokens returns the tokens in store, of these users.
func NewTokens(store TokenStore, users *Users) *Tokens {
	return &Tokens{store: store, users: users, used: make(map[int64]bool)}
}

// Create makes a token of the user.
func (s *Tokens) Create(ctx context.Context, owner User, f TokenFields) (NewToken, error) {
	var r problem.Rules
	f.Rules(&r)
	if f.Scope != nil && Scope(*f.Scope) == ScopeAdmin {
		r.Check(owner.IsAdmin(), "scope", "must be read or write, since you are not an admin")
	}
	if err := r.Err(); err != nil {
		return NewToken{}, err
	}
	secret := tokenPrefix + rand.Text()
	token, err := s.store.Create(ctx, Token{
		UserID: owner.ID, CredentialsVersion: owner.CredentialsVersion, Hash: hashSecret(secret),
		Name: *f.Name, Scope: Scope(*f.Scope),
		ExpiresAt: time.Now().UTC().Truncate(time.Second).AddDate(0, 0, int(*f.ExpiresInDays)),
	})
	return NewToken{token, secret}, err
}

// List returns the user's tokens, newest first.
func (s *Tokens) List(ctx context.Context, owner User) ([]Token, error) {
	return s.store.List(ctx, owner.ID)
}

// Revoke ends a token of the user, or returns ErrNoToken.
func (s *Tokens) Revoke(ctx context.Context, owner User, id int64) error {
	return s.store.Delete(ctx, owner.ID, id)
}

// Authenticate returns the token with this secret, and its user. It is ErrBadToken if the
// token has ended: also by its user's new password or removal.
func (s *Tokens) Authenticate(ctx context.Context, secret string) (User, Token, error) {
	if !isToken(secret) {
		return User{}, Token{}, ErrBadToken
	}
	token, err := s.store.Find(ctx, hashSecret(secret))
	if errors.Is(err, ErrNoToken) || err == nil && !time.Now().Before(token.ExpiresAt) {
		err = ErrBadToken
	}
	if err != nil {
		return User{}, Token{}, err
	}
	user, err := s.users.Get(ctx, token.UserID)
	if errors.Is(err, ErrNoUser) || err == nil && user.CredentialsVersion != token.CredentialsVersion {
		err = ErrBadToken
	}
	if err != nil {
		return User{}, Token{}, err
	}
	s.use(token.ID)
	return user, token, nil
}

func (s *Tokens) use(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.used) < maxUsed {
		s.used[id] = true
	}
}

// StoreUses stores which tokens were used since it last ran, so that no request waits for
// it. If it fails, these uses are lost.
func (s *Tokens) StoreUses(ctx context.Context) error {
	s.mu.Lock()
	ids := slices.Sorted(maps.Keys(s.used))
	clear(s.used)
	s.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	return s.store.SetUsed(ctx, ids, time.Now())
}

// Programs that look for secrets find a token by its prefix.
const (
	tokenPrefix = "prefab_"
	tokenLength = len(tokenPrefix) + 26 // of rand.Text
)

// isToken reports whether the text has a token's form. Another one would only cost a
// look-up.
func isToken(text string) bool {
	const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	random, ok := strings.CutPrefix(text, tokenPrefix)
	return ok && len(text) == tokenLength && strings.Trim(random, base32) == ""
}

// hashSecret needs neither salt nor slowness: the secret has 130 random bits.
func hashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
