// Package services holds the domain: its types, their rules, and the interfaces of the
// stores that they need. It knows neither HTTP nor SQL nor Redis.
package services

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"example.com/prefab/services/passwords"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// Role says what a user may do.
type Role string

// The roles.
const (
	Member Role = "member" // may use the service
	Admin  Role = "admin"  // may change what all see, too
)

// User is somebody who can sign in.
type User struct {
	ID           int64  `json:"id"`
	Email        string `json:"email" maxLength:"254"`
	Name         string `json:"name"`
	Role         Role   `json:"role" enum:"member,admin"`
	PasswordHash string `json:"-"`

	// CredentialsVersion is what sessions and tokens must have been made with. Each change
	// of the password raises it, which ends all of them.
	CredentialsVersion int64 `json:"-"`
}

// IsAdmin reports whether the user is an admin.
func (u User) IsAdmin() bool { return u.Role == Admin }

type userKey struct{}

// WithUser returns a context of a request that u makes. It marks the call's Trace as
// private, so that no shared cache stores the answer, whatever guard has found the user.
func WithUser(ctx context.Context, u User) context.Context {
	tracing.From(ctx).MarkPrivate()
	return context.WithValue(ctx, userKey{}, u)
}

// UserFrom returns the user who makes the request, if somebody is signed in.
func UserFrom(ctx context.Context) (User, bool) {
	u, ok := ctx.Value(userKey{}).(User)
	return u, ok
}

// The errors of users.
var (
	ErrNoUser     = &problem.Error{Code: problem.NotFound, Message: "No such user."}
	ErrEmailTaken = &problem.Error{
		Code: problem.Conflict, Message: "There is a user with that e-mail address already.",
	}
	ErrBadCredentials = &problem.Error{
		Code: problem.Unauthenticated, Message: "The e-mail address or the password is wrong.",
	}
	ErrSignInNeeded = &problem.Error{Code: problem.Unauthenticated, Message: "Please sign in first."}
	ErrAdminNeeded  = &problem.Error{Code: problem.Forbidden, Message: "Only an admin may do this."}
)

// UserStore stores users. It compares e-mail addresses case-insensitively. Where there
// is no such user it returns ErrNoUser.
type UserStore interface {
	Get(ctx context.Context, id int64) (User, error)
	ByEmail(ctx context.Context, email string) (User, error)
	List(ctx context.Context, afterID int64, limit int) ([]User, error) // by id
	Create(ctx context.Context, u User) (User, error)                   // or ErrEmailTaken

	// The changes return the user as it is then. They hold at once, in all processes.
	SetRole(ctx context.Context, id int64, role Role) (User, error)
	// SetPassword raises the credentials' version, of a user who has this one; 0 is any.
	SetPassword(ctx context.Context, id, version int64, hash string) (User, error)
	EndSessions(ctx context.Context, id int64) (User, error) // raises it as well
	// Delete deletes a user who has this version, or any (0), with all that is the user's.
	Delete(ctx context.Context, id, version int64) error
}

// SignInLimiter limits how often a password may be guessed.
type SignInLimiter interface {
	// Attempt counts an attempt on the account from the address. If there were too many
	// it returns how long to wait, else 0. It fails closed: after an error nobody may try.
	Attempt(ctx context.Context, account string, address netip.Addr) (wait time.Duration, err error)
	// Succeed says that the last attempt succeeded: it removes the count of it and of the
	// failures on this account from this address.
	Succeed(ctx context.Context, account string, address netip.Addr) error
	// Refund removes the last attempt from the count, as it failed by a fault of ours.
	Refund(ctx context.Context, account string, address netip.Addr) error
}

// Users are the rules of signing in.
type Users struct {
	store     UserStore
	limiter   SignInLimiter
	passwords *passwords.Hasher
	reserved  []string
}

// NewUsers returns the users in store. Add refuses the reserved addresses.
func NewUsers(store UserStore, limiter SignInLimiter, passwords *passwords.Hasher, reserved ...string) *Users {
	return &Users{store: store, limiter: limiter, passwords: passwords, reserved: reserved}
}

// Get returns a user by id, or ErrNoUser.
func (s *Users) Get(ctx context.Context, id int64) (User, error) { return s.store.Get(ctx, id) }

// SignIn returns the user with these credentials. Neither its error nor its duration
// shows whether the address or the password is wrong.
func (s *Users) SignIn(ctx context.Context, email, password string, address netip.Addr) (User, error) {
	email = normalEmail(email)
	wait, err := s.limiter.Attempt(ctx, email, address)
	if err != nil {
		return User{}, err
	}
	if wait > 0 {
		return User{}, &problem.Error{
			Code: problem.TooMany, Message: "Too many attempts to sign in. Please wait a little.", RetryAfter: wait,
		}
	}

	user, err := s.check(ctx, email, password)
	switch {
	case err == nil:
		return user, s.limiter.Succeed(ctx, email, address)
	case problem.CodeOf(err) != problem.Unauthenticated:
		// The error may be that ctx has ended, so the refund has a context of its own.
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		err = errors.Join(err, s.limiter.Refund(after, email, address))
	}
	return User{}, err
}

// check returns the user with these credentials, or ErrBadCredentials.
func (s *Users) check(ctx context.Context, email, password string) (User, error) {
	var user User
	if validEmail(email) {
		var err error
		user, err = s.store.ByEmail(ctx, email)
		if err != nil && !errors.Is(err, ErrNoUser) {
			return User{}, err
		}
	}
	ok, err := s.passwords.Matches(ctx, password, user.PasswordHash)
	if err != nil {
		return User{}, err
	}
	if !ok {
		return User{}, ErrBadCredentials
	}
	return user, nil
}

// Add creates a user who can sign in with the password.
func (s *Users) Add(ctx context.Context, u User, password string) (User, error) {
	u.Email = normalEmail(u.Email)
	var r problem.Rules
	r.Check(validEmail(u.Email), "email", "must be an e-mail address")
	r.Check(!slices.Contains(s.reserved, u.Email), "email", "is reserved for a sample user")
	r.Line("name", u.Name, 1, 100)
	checkPassword(&r, password)
	checkRole(&r, u.Role)
	if err := r.Err(); err != nil {
		return User{}, err
	}
	hash, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return User{}, err
	}
	u.PasswordHash = hash
	return s.store.Create(ctx, u)
}

func normalEmail(email string) string {
	if !utf8.ValidString(email) {
		return email // validEmail refuses it; ToLower would make it valid UTF-8
	}
	return strings.ToLower(strings.TrimSpace(email))
}

// validEmail finds typing errors. Only a message that arrives proves an address.
func validEmail(email string) bool {
	var r problem.Rules
	r.Text("email", email, 3, 254)
	name, host, ok := strings.Cut(email, "@")
	return r.Err() == nil && ok && name != "" && host != "" && !strings.ContainsFunc(email, unicode.IsSpace)
}
