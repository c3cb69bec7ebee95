package writebehind

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"example.com/prefab/services"
)

// DeadLetter is a write that the store did not take.
type DeadLetter[K cmp.Ordered, V any] struct {
	services.Write[K, V]
	Error string    // why, without the database's details, which may quote values
	At    time.Time // when it was last tried
}

// letter is a dead letter in Redis.
type letter struct {
	Version string          `json:"version"` // as text: JSON's numbers are floats to many
	Value   json.RawMessage `json:"value"`
	Error   string          `json:"error"`
	At      time.Time       `json:"at"`
}

const maxReason = 300 // bytes of an error that are kept

func encodeLetter(version int64, value string, reason error, at time.Time) string {
	text, _ := json.Marshal(letter{ // the value is JSON already, and the rest cannot fail
		Version: strconv.FormatInt(version, 10), Value: json.RawMessage(value),
		Error: reason.Error()[:min(len(reason.Error()), maxReason)], At: at.UTC(),
	})
	return string(text)
}

func decodeLetter[K cmp.Ordered, V any](field, text string) (d DeadLetter[K, V], err error) {
	var l letter
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return d, fmt.Errorf("%w: %w", errEntry, err)
	}
	d.Write, err = decode[K, V](field, l.Version+" "+string(l.Value))
	d.Error, d.At = l.Error, l.At
	return d, err
}

// DeadLetters returns some of the dead letters, about limit, in no order.
func (b *Buffer[K, V]) DeadLetters(ctx context.Context, limit int) ([]DeadLetter[K, V], error) {
	var letters []DeadLetter[K, V]
	err := b.scanDead(ctx, limit, func(page []string) (bool, error) {
		for pair := range slices.Chunk(page, 2) {
			d, err := decodeLetter[K, V](pair[0], pair[1])
			if err != nil {
				return false, err
			}
			letters = append(letters, d)
		}
		return len(letters) < limit, nil
	})
	return letters, err
}

// RetryDeadLetters tries to store every dead letter again. One that a newer write
// has overtaken is dropped.
func (b *Buffer[K, V]) RetryDeadLetters(ctx context.Context, store services.StoreBatch[K, V]) error {
	return b.scanDead(ctx, b.options.BatchSize, func(page []string) (bool, error) {
		return true, b.retry(ctx, page, store)
	})
}

// scanDead calls do with fields and letters in turns, until it says that it is
// enough. What is changed meanwhile may be missed, or come twice.
func (b *Buffer[K, V]) scanDead(ctx context.Context, size int, do func(page []string) (bool, error)) error {
	for cursor := uint64(0); ; {
		page, next, err := b.options.Client.HScan(ctx, b.dead, cursor, "", int64(size)).Result()
		if err != nil {
			return unavailable("read dead letters", err)
		}
		if more, err := do(page); err != nil || !more || next == 0 {
			return err
		}
		cursor = next
	}
}

func (b *Buffer[K, V]) retry(ctx context.Context, page []string, store services.StoreBatch[K, V]) error {
	texts := make(map[K]string, len(page)/2)
	var batch []services.Write[K, V]
	for pair := range slices.Chunk(page, 2) {
		d, err := decodeLetter[K, V](pair[0], pair[1])
		if err != nil {
			return err
		}
		if texts[d.Key] == "" {
			batch = append(batch, d.Write)
		}
		texts[d.Key] = pair[1]
	}
	slices.SortFunc(batch, byKey)
	refused := services.Refused[K]{Newer: map[K]int64{}, Bad: map[K]error{}}
	done, failed := isolate(ctx, batch, store, refused)
	var gone []any
	for _, w := range done {
		if refused.Bad[w.Key] == nil {
			field, _, err := encode(w.Key, w.Value)
			if err != nil {
				return err
			}
			gone = append(gone, field, texts[w.Key])
		}
	}
	if len(gone) == 0 {
		return failed
	}
	b.options.Changed(ctx, keysOf(done))
	if err := unbury.Run(ctx, b.options.Client, []string{b.dead}, gone...).Err(); err != nil {
		return unavailable("drop dead letters", err)
	}
	return failed
}
