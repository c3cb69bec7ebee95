// Package mail is what the service wants of a mail server: to take a message.
//
//	err := sender.Send(ctx, mail.Message{To: "ada@example.com", Subject: "Hello", Text: "Hello Ada."})
//	if errors.Is(err, mail.ErrRefused) {
//		return nil // to send it again is of no use
//	}
package mail

import (
	"context"
	"errors"
)

// Message is a mail of plain text to one person.
type Message struct {
	To      string // the address alone
	Subject string
	Text    string
}

// Sender sends messages. A message that it has taken may still not arrive.
type Sender interface {
	// Send returns ErrRefused for a message that the server does not take, and other
	// errors where trying again may help.
	Send(ctx context.Context, m Message) error
}

// ErrRefused says that the server refuses a message for good.
var ErrRefused = errors.New("the mail server refuses the message")
