package writebehind

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/prefab/services/writes"
)

// DeadLetter is a write that the store did not take.
type DeadLetter struct {
	Key     string // as JSON
	Value   string // as JSON, if it can be read
	Version int64
	Error   string    // why
	At      time.Time // of the last try
}

// letter is a dead letter in Redis.
type letter struct {
	Entry string    `json:"entry"` // first: a script looks for its version
	Error string    `json:"error"`
	At    time.Time `json:"at"`
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

// DeadLetters returns up to limit dead letters, first those whose last try is longest ago.
func (b *Buffer[K, V]) DeadLetters(ctx context.Context, limit int) ([]DeadLetter, error) {
	reply, err := b.run(ctx, fetch, b.dead, "", limit).StringSlice()
	if err != nil {
		return nil, unavailable("read dead letters", err)
	}
	list := make([]DeadLetter, 0, len(reply)/2)
	for read := range slices.Chunk(reply[1:], 2) {
		l := decodeLetter(read[1])
		version, value, _ := strings.Cut(l.Entry, " ")
		d := DeadLetter{Key: read[0], Value: value, Error: l.Error, At: l.At}
		d.Version, _ = strconv.ParseInt(version, 10, 64) // 0 if it cannot be read
		list = append(list, d)
	}
	return list, nil
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
