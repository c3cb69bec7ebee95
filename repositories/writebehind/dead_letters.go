package writebehind

import (
	"context"
	"encoding/json"
	"errors"
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
	Value   string // as JSON, where it can be read
	Version int64
	Error   string    // why
	At      time.Time // when it was last tried
}

// letter is a dead letter in Redis.
type letter struct {
	Entry string    `json:"entry"` // first, since a script looks for its version
	Error string    `json:"error"`
	At    time.Time `json:"at"`
}

const maxReason = 300 // bytes of an error that are kept

func (l letter) encode() string {
	l.Error, l.At = l.Error[:min(len(l.Error), maxReason)], l.At.UTC()
	text, _ := json.Marshal(l) // strings and a time of now never fail
	return string(text)
}

func decodeLetter(text string) (l letter, err error) {
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return l, fmt.Errorf("%w: %w", errEntry, err)
	}
	return l, nil
}

// DeadLetters returns up to limit dead letters, the ones first that have not been
// tried for longest.
func (b *Buffer[K, V]) DeadLetters(ctx context.Context, limit int) ([]DeadLetter, error) {
	page, err := b.letters(ctx, limit)
	if err != nil {
		return nil, err
	}
	list := make([]DeadLetter, 0, len(page)/2)
	for pair := range slices.Chunk(page, 2) {
		l, err := decodeLetter(pair[1])
		if err != nil {
			l = letter{Entry: pair[1], Error: err.Error()}
		}
		version, value, _ := strings.Cut(l.Entry, " ")
		d := DeadLetter{Key: pair[0], Value: value, Error: l.Error, At: l.At}
		d.Version, _ = strconv.ParseInt(version, 10, 64) // 0 where there is none to be read
		list = append(list, d)
	}
	return list, nil
}

func (b *Buffer[K, V]) letters(ctx context.Context, limit int) ([]string, error) {
	page, err := letters.Run(ctx, b.options.Client, b.keys(), limit).StringSlice()
	if err != nil {
		return nil, unavailable("read dead letters", err)
	}
	return page, nil
}

// RetryDeadLetters tries again to store a batch of dead letters, the ones that
// have not been tried for longest. One that the store refuses as older is settled as
// a write that waits is.
func (b *Buffer[K, V]) RetryDeadLetters(ctx context.Context, store writes.StoreBatch[K, V]) error {
	page, err := b.letters(ctx, b.options.BatchSize)
	if err != nil || len(page) == 0 {
		return err
	}
	now := time.Now()
	rewritten := []any{now.UnixMicro()}
	texts := make(map[K]string, len(page)/2)
	var batch []writes.Write[K, V]
	for pair := range slices.Chunk(page, 2) {
		l, err := decodeLetter(pair[1])
		if err != nil {
			l.Entry = pair[1]
		}
		write, err := decode[K, V](pair[0], l.Entry)
		if err != nil { // by this version of the program, at least
			rewritten = append(rewritten, pair[0], pair[1], letter{Entry: l.Entry, Error: errEntry.Error(), At: now}.encode())
			continue
		}
		texts[write.Key] = pair[1]
		batch = append(batch, write)
	}
	slices.SortFunc(batch, byKey)
	refused := newRefused[K]()
	done, failed := isolate(ctx, batch, store, refused)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settlePatience)
	defer cancel()
	var older []any
	for _, w := range done {
		field, value, err := encode(w.Key, w.Value)
		if err != nil {
			return err
		}
		if newer, isOlder := refused.Newer[w.Key]; isOlder {
			older = append(older, field, newer)
			continue
		}
		next := ""
		if reason := refused.Bad[w.Key]; reason != nil {
			next = letter{Entry: entry(w.Version, value), Error: reason.Error(), At: now}.encode()
		}
		rewritten = append(rewritten, field, texts[w.Key], next)
	}
	if len(done) > 0 {
		if err := b.options.Changed(ctx, keysOf(done)); err != nil {
			return errors.Join(err, failed)
		}
	}
	if len(rewritten) > 1 {
		if err := rewrite.Run(ctx, b.options.Client, b.keys(), rewritten...).Err(); err != nil {
			failed = errors.Join(failed, unavailable("rewrite dead letters", err))
		}
	}
	_, err = b.settleOlder(ctx, older)
	return errors.Join(failed, err)
}
