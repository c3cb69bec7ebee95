package services

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"time"

	"example.com/prefab/services/problem"
)

// LinkPurpose says what an account link is for.
type LinkPurpose string

// The purposes.
const (
	SignUpLink LinkPurpose = "sign-up" // sets the password of a new user
	ResetLink  LinkPurpose = "reset"   // sets another password
	EmailLink  LinkPurpose = "email"   // changes a user's address to the one that got the link
)

const (
	resetLinkLasts = time.Hour
	linkLasts      = 48 * time.Hour
)

// AccountLink is a link that was mailed to an address. Who has it, reads that mailbox.
type AccountLink struct {
	TokenHash          []byte // SHA-256: who reads the database learns no link
	Purpose            LinkPurpose
	UserID             int64 // 0: SignUpLink
	CredentialsVersion int64 // of the user, when the link was made; another one ends the link
	Email, Name        string
	ExpiresAt          time.Time
}

// ErrLinkOver says that a link was used, has expired, or never was one.
var ErrLinkOver = &problem.Error{
	Code: problem.NotFound, Message: "This link is not valid any more. Please ask for a new one.",
}

// AccountLinkStore stores links. Each call that uses a link deletes it in the same
// transaction, or returns ErrLinkOver: of two at once one succeeds.
type AccountLinkStore interface {
	Add(ctx context.Context, l AccountLink) error
	Get(ctx context.Context, tokenHash []byte, at time.Time) (AccountLink, error)           // or ErrLinkOver
	CreateUser(ctx context.Context, l AccountLink, at time.Time, hash string) (User, error) // or ErrEmailTaken
	ResetPassword(ctx context.Context, l AccountLink, at time.Time, hash string) (User, error)
	// ChangeEmail also leaves the notice to be mailed. It may return ErrEmailTaken.
	ChangeEmail(ctx context.Context, l AccountLink, at time.Time, notice AccountMail) (User, error)
	DeleteExpired(ctx context.Context, at time.Time) error
}

// newToken returns the secret of a link, 130 random bits.
func newToken() string { return rand.Text() }

func hashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
