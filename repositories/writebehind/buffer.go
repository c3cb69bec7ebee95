// Package writebehind keeps writes in Redis until they are stored in batches
// elsewhere. A write is acknowledged once Redis has it, and from then on survives
// the death of any of our processes, and an outage of the store for as long as
// there is room. What it promises is in docs/write-behind.md.
//
// Of each key the newest value alone is kept, with a version from Redis' clock.
// Whoever has stored a value says which version it was, and only that one goes:
// what was put meanwhile stays for the next batch. So any number of processes may
// put and flush, and any of them may die at any point.
package writebehind

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/services/problem"
	"example.com/prefab/services/writes"
)

// Options say what a Buffer is for, and how much it may hold.
type Options[K cmp.Ordered, V any] struct {
	Client     redis.UniversalClient
	Prefix     string // of its keys in Redis
	Name       string // of what it holds, such as "stock"
	BatchSize  int    // writes that are stored at a time
	MaxPending int    // keys that may wait, dead letters included; beyond that Put fails

	// Changed is told of the keys whose value may have become another one, before
	// Put returns among others: the place to invalidate caches. An error of it is one
	// of Put's, too. Nil does nothing.
	Changed func(ctx context.Context, keys []K) error
	// Send sends a put and then tells of its key as Changed does, in one round trip, and
	// reports whether it has told, and the put's error. Nil, or false: Put calls Changed.
	// Redis may refuse the put all the same.
	Send func(ctx context.Context, put redis.Cmder, key K) (told bool, err error)
	// Through stores a write at once. It is what Put does with a Redis that cannot
	// be trusted with writes.
	Through func(ctx context.Context, key K, value V) error

	Log     *slog.Logger          // nil discards
	Metrics prometheus.Registerer // nil leaves them out
}

// Buffer holds the writes that wait. All processes with the same Redis, prefix
// and name share one.
type Buffer[K cmp.Ordered, V any] struct {
	options Options[K, V]
	// In Redis, in one slot of a cluster:
	data    string // a hash: what waits, by key; see entry
	dirty   string // a sorted set: since when each key waits, in microseconds
	dead    string // a hash: dead letters, by key
	tried   string // a sorted set: when each of them was last tried, in microseconds
	version string // the highest version that was given

	standing atomic.Int32 // see standing
	clock    clock
	ample    atomic.Bool // the last put was taken, and much room was left
	metrics  *metrics

	beforeSettling func(ctx context.Context, batch []writes.Write[K, V]) // for tests, which show what versions are for
}

// ErrFull says that no more keys may wait.
var ErrFull = &problem.Error{
	Code:       problem.Unavailable,
	Message:    "Too many changes wait to be stored. Please try again in a moment.",
	RetryAfter: 5 * time.Second,
}

// New returns the buffer.
func New[K cmp.Ordered, V any](o Options[K, V]) *Buffer[K, V] {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Changed == nil {
		o.Changed = func(context.Context, []K) error { return nil }
	}
	key := o.Prefix + "{" + o.Name + "}:"
	b := &Buffer[K, V]{
		options: o, data: key + "data", dirty: key + "dirty", dead: key + "dead", tried: key + "tried",
		version: key + "version",
	}
	b.metrics = newMetrics(o.Name, o.Metrics, b.Stats)
	return b
}

// Pending returns the values that wait under the keys. To see the newest, read
// these before the store: what has just been stored waits no more.
func (b *Buffer[K, V]) Pending(ctx context.Context, keys ...K) (map[K]V, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	fields := make([]string, len(keys))
	for i, key := range keys {
		field, err := json.Marshal(key)
		if err != nil {
			return nil, fmt.Errorf("encode a key: %w", err)
		}
		fields[i] = string(field)
	}
	found, err := b.options.Client.HMGet(ctx, b.data, fields...).Result()
	if err != nil {
		return nil, unavailable("read pending writes", err)
	}
	pending := make(map[K]V)
	for i, text := range found {
		if text, ok := text.(string); ok {
			write, err := decode[K, V](fields[i], text)
			if err != nil {
				return nil, err
			}
			pending[keys[i]] = write.Value
		}
	}
	return pending, nil
}

func (b *Buffer[K, V]) keys() []string { return []string{b.data, b.dirty, b.dead, b.tried, b.version} }

// encode returns a key and a value as they are in Redis.
func encode[K cmp.Ordered, V any](key K, value V) (field, text string, err error) {
	k, err := json.Marshal(key)
	if err != nil {
		return "", "", fmt.Errorf("encode a key: %w", err)
	}
	v, err := json.Marshal(value)
	if err != nil {
		return "", "", fmt.Errorf("encode a value: %w", err)
	}
	return string(k), string(v), nil
}

func entry(version int64, value string) string { return strconv.FormatInt(version, 10) + " " + value }

var errEntry = errors.New("not an entry of the buffer")

// decode reads an entry: a version and a value, with a space between.
func decode[K cmp.Ordered, V any](field, text string) (w writes.Write[K, V], err error) {
	version, value, _ := strings.Cut(text, " ")
	w.Version, err = strconv.ParseInt(version, 10, 64)
	if err == nil {
		err = json.Unmarshal([]byte(field), &w.Key)
	}
	if err == nil {
		err = json.Unmarshal([]byte(value), &w.Value)
	}
	if err != nil {
		return w, fmt.Errorf("%w: %w", errEntry, err)
	}
	return w, nil
}

func unavailable(doing string, err error) error {
	return fmt.Errorf("%s: %w: %w", doing, problem.ErrUnavailable, err)
}
