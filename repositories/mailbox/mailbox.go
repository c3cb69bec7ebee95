// Package mailbox takes the place of a mail server in development: it keeps the newest
// mails in Redis, where all processes find them, and prints each.
//
//	box := mailbox.New(client, "prefab:mailbox", os.Stdout)
//	err := box.Send(ctx, mail.Message{To: "ada@example.com", Subject: "Hello", Text: "Hello Ada."})
//	mails, err := box.List(ctx) // newest first
package mailbox

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/services/mail"
)

const (
	kept    = 50
	keptFor = 7 * 24 * time.Hour
)

// Mailbox is a mail.Sender.
type Mailbox struct {
	redis redis.UniversalClient
	key   string
	out   io.Writer
}

// New returns the mailbox under the key.
func New(client redis.UniversalClient, key string, out io.Writer) *Mailbox {
	return &Mailbox{redis: client, key: key, out: out}
}

// Send is part of mail.Sender.
func (b *Mailbox) Send(ctx context.Context, m mail.Message) error {
	fmt.Fprintf(b.out, "\n  Mail to %s: %s\n\n%s\n", m.To, m.Subject, m.Text)
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode a mail: %w", err)
	}
	_, err = b.redis.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.LPush(ctx, b.key, text)
		pipe.LTrim(ctx, b.key, 0, kept-1)
		pipe.Expire(ctx, b.key, keptFor)
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep a mail: %w", err)
	}
	return nil
}

// List returns what is kept, newest first.
func (b *Mailbox) List(ctx context.Context) ([]mail.Message, error) {
	texts, err := b.redis.LRange(ctx, b.key, 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("read the mails: %w", err)
	}
	mails := make([]mail.Message, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal([]byte(text), &mails[i]); err != nil {
			return nil, fmt.Errorf("read a mail: %w", err)
		}
	}
	return mails, nil
}
