package writebehind

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"example.com/prefab/services/writes"
)

// letter is a dead letter in Redis: a write that the store did not take.
type letter struct {
	Entry string    `json:"entry"` // first: a script looks for its version
	Error string    `json:"error"`
	At    time.Time `json:"at"` // of the last try
}

const maxReason = 300 // bytes of an error that are kept

// letter returns a dead letter with the entry of text, which is an entry or a letter itself.
func (b *Buffer[K, V]) letter(from queue, text string, reason error, now time.Time) string {
	if from == b.dead {
		text = decodeLetter(text).Entry
	}
	l := letter{Entry: text, Error: reason.Error(), At: now.UTC()}
	l.Error = l.Error[:min(len(l.Error), maxReason)]
	encoded, _ := json.Marshal(l) // strings and a time of now never fail
	return string(encoded)
}

// decodeLetter takes a text that is not a letter for an entry.
func decodeLetter(text string) (l letter) {
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return letter{Entry: text, Error: fmt.Sprintf("%v: %v", errEntry, err)}
	}
	return l
}

// RetryDeadLetters tries again to store a batch of dead letters, those whose last try is
// longest ago.
func (b *Buffer[K, V]) RetryDeadLetters(ctx context.Context, store writes.StoreBatch[K, V]) error {
	f, err := b.fetch(ctx, b.dead, "")
	if err != nil || f.size == 0 {
		return err
	}
	_, err = b.storeBatch(ctx, f, store)
	return err
}
