package writebehind

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/services/deadletter"
)

// Name is the name of what the buffer holds.
func (b *Buffer[K, V]) Name() string { return b.options.Name }

// DeadLetters returns dead letters, at most limit, those that were tried last first.
func (b *Buffer[K, V]) DeadLetters(ctx context.Context, limit int) ([]deadletter.Letter, error) {
	fields, err := b.options.Client.ZRevRange(ctx, b.dead.order, 0, int64(limit)-1).Result()
	if err != nil {
		return nil, unavailable("list dead letters", err)
	}
	if len(fields) == 0 {
		return nil, nil
	}
	texts, err := b.options.Client.HMGet(ctx, b.dead.texts, fields...).Result()
	if err != nil {
		return nil, unavailable("read dead letters", err)
	}
	var letters []deadletter.Letter
	for i, text := range texts {
		if text, ok := text.(string); ok { // else it has just been removed
			l := readLetter(text)
			_, value, _ := strings.Cut(l.Entry, " ")
			letters = append(letters, deadletter.Letter{
				Key: keyOf(fields[i], l), About: shorten(value), Error: shorten(l.Error), At: l.At,
			})
		}
	}
	return letters, nil
}

// keyOf names a dead letter by its field and version. A newer write of the same key may become a
// dead letter before the operator decides on this one.
func keyOf(field string, l letter) string {
	version, _, _ := strings.Cut(l.Entry, " ")
	if _, err := strconv.ParseInt(version, 10, 64); err != nil {
		version = "" // it is no entry
	}
	return field + "@" + version
}

// find returns the field and the text of the dead letter with this key, or deadletter.ErrNone.
func (b *Buffer[K, V]) find(ctx context.Context, key string) (field, text string, err error) {
	field = key[:max(0, strings.LastIndexByte(key, '@'))]
	text, err = b.options.Client.HGet(ctx, b.dead.texts, field).Result()
	switch {
	case err != nil && !errors.Is(err, redis.Nil):
		return "", "", unavailable("read a dead letter", err)
	case err != nil || keyOf(field, readLetter(text)) != key:
		return "", "", deadletter.ErrNone
	}
	return field, text, nil
}

// RetryDeadLetter makes a dead letter the first that RetryDeadLetters tries, and requests
// that. The letter stays one until it is stored, so readers see the store's value, and a
// newer write of its key replaces it as before.
func (b *Buffer[K, V]) RetryDeadLetter(ctx context.Context, key string) error {
	field, _, err := b.find(ctx, key)
	if err != nil {
		return err
	}
	found, err := b.run(ctx, retryFirstScript, b.dead, field).Bool()
	switch {
	case err != nil:
		return unavailable("move a dead letter", err)
	case !found:
		return deadletter.ErrNone
	}
	select {
	case b.retryRequested <- struct{}{}:
	default: // it is requested already
	}
	return nil
}

// RetryRequested receives when RetryDeadLetters should run at once.
func (b *Buffer[K, V]) RetryRequested() <-chan struct{} { return b.retryRequested }

// DiscardDeadLetter removes a dead letter, and logs a warning, since the write was
// acknowledged. Readers see the store's value already. A retry that has begun may still
// store it.
func (b *Buffer[K, V]) DiscardDeadLetter(ctx context.Context, key string) error {
	field, text, err := b.find(ctx, key)
	if err != nil {
		return err
	}
	outcomes, err := b.run(ctx, resolveScript, b.dead, field, text, discarded, "").StringSlice()
	switch {
	case err != nil:
		return unavailable("discard a dead letter", err)
	case outcomes[0] != discarded:
		return deadletter.ErrNone
	}
	b.options.Log.WarnContext(ctx, "a dead letter is discarded, so an acknowledged write is lost", "key", key)
	return nil
}

// readLetter reads what Redis has of a dead letter. A text that is no letter is its entry.
func readLetter(text string) (l letter) {
	_ = json.Unmarshal([]byte(text), &l)
	l.Entry = cmp.Or(l.Entry, text)
	return l
}

// shorten cuts a text that is shown.
func shorten(text string) string {
	const limit = 300
	if len(text) <= limit {
		return text
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(text[:limit], ""), len(text))
}
