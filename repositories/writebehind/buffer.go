// Package writebehind keeps writes in Redis until a job stores them in batches in
// PostgreSQL. A write is acknowledged once Redis has it. From then on it survives the death
// of any process of the service, and an outage of PostgreSQL for as long as there is room.
//
// Of each key only the newest value waits, with a version from Redis' clock. A process that
// has stored a value removes it from Redis only if the version is still the one that it
// stored. So any number of processes may put and flush at once, and each may die at any point.
//
//	buffer := writebehind.New(writebehind.Options[int64, int64]{
//		Client: client, Prefix: "myservice:", Name: "stock", BatchSize: 100, MaxPending: 100_000,
//		WriteThrough: stock.Set, Invalidate: invalidate, Log: log, Metrics: metrics,
//	})
//	buffer.Start(ctx)
//	if _, err := buffer.Put(ctx, productID, quantity); err != nil {
//		return err // Redis is down or the buffer is full; the client should try again
//	}
//	waiting, err := buffer.Pending(ctx, productID) // read this before the store
//	err = buffer.Flush(ctx, stock.SetAll)          // in a job, every few seconds
//	err = buffer.RetryDeadLetters(ctx, stock.SetAll)
package writebehind

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/services/problem"
)

// Settings are the settings of a buffer. .env.example explains each.
type Settings struct {
	BatchSize  int           `env:"WRITE_BEHIND_BATCH_SIZE" default:"100" min:"1" max:"5000"`
	Interval   time.Duration `env:"WRITE_BEHIND_INTERVAL" default:"5s" min:"1s" max:"1h"`
	MaxPending int           `env:"WRITE_BEHIND_MAX_PENDING" default:"100000" min:"1" max:"10000000"`
}

// Options configure a Buffer. All are needed, except PutAndInvalidate.
type Options[K cmp.Ordered, V any] struct {
	Client     redis.UniversalClient
	Prefix     string // of its keys in Redis
	Name       string // of what it holds, such as "stock"
	BatchSize  int    // writes that are stored at a time
	MaxPending int    // keys that may wait, dead letters included; beyond that Put fails

	// Invalidate removes keys from caches. Put calls it before it returns, and Flush before
	// it removes what is stored. If it fails, Put fails.
	Invalidate func(ctx context.Context, keys []K) error
	// PutAndInvalidate sends put and then invalidates its key, in one round trip. It reports
	// whether the key is invalidated, and put's error: Redis may refuse the put alone. If it
	// is nil or reports false, Put calls Invalidate.
	PutAndInvalidate func(ctx context.Context, put redis.Cmder, key K) (invalidated bool, err error)
	// WriteThrough stores one value at once. Put calls it if Redis may evict what it holds.
	WriteThrough func(ctx context.Context, key K, value V) error

	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Buffer holds the writes that wait. All processes with the same Redis, prefix and name
// share one.
type Buffer[K cmp.Ordered, V any] struct {
	options Options[K, V]
	pending queue // of entries; see decode
	dead    queue // of dead letters; see letter
	version string
	metrics metrics

	mode    atomic.Value // a string; nothing until Redis has answered
	clock   clock
	hasRoom atomic.Bool // Redis took the last put, and less than half of MaxPending waited

	retryRequested chan struct{}
}

// queue names two keys in Redis: a hash of texts by key, and a sorted set of the same keys by
// time in microseconds. The time is since when the key waits, or when it was last tried. All
// keys of a buffer are in one slot of a Cluster.
type queue struct{ texts, order string }

// ErrFull says that no more keys may wait.
var ErrFull = &problem.Error{
	Code:       problem.Unavailable,
	Message:    "Too many changes wait to be stored. Please try again in a moment.",
	RetryAfter: 5 * time.Second,
}

// New returns a buffer.
func New[K cmp.Ordered, V any](o Options[K, V]) *Buffer[K, V] {
	o.Log = o.Log.With("buffer", o.Name)
	key := o.Prefix + "{" + o.Name + "}:"
	pending, dead := queue{key + "data", key + "dirty"}, queue{key + "dead", key + "tried"}
	reg := prometheus.WrapRegistererWith(prometheus.Labels{"buffer": o.Name}, o.Metrics)
	reg.MustRegister(gauges{o.Client, pending, dead})
	return &Buffer[K, V]{
		options: o, pending: pending, dead: dead, version: key + "version", metrics: newMetrics(reg),
		retryRequested: make(chan struct{}, 1),
	}
}

// Pending returns the values that wait under the keys. To see the newest, read these before
// the store: a value that has just been stored does not wait any more.
func (b *Buffer[K, V]) Pending(ctx context.Context, keys ...K) (map[K]V, error) {
	fields := make([]string, len(keys))
	for i, key := range keys {
		field, err := json.Marshal(key)
		if err != nil {
			return nil, fmt.Errorf("encode a key: %w", err)
		}
		fields[i] = string(field)
	}
	found, err := b.options.Client.HMGet(ctx, b.pending.texts, fields...).Result()
	if err != nil {
		return nil, unavailable("read pending writes", err)
	}
	pending := make(map[K]V)
	for i, text := range found {
		if text, ok := text.(string); ok {
			if pending[keys[i]], err = b.Decode(text); err != nil {
				return nil, err
			}
		}
	}
	return pending, nil
}

// Hash names the hash in Redis that holds the pending values. Its fields are the keys as
// JSON. It is for a caller that reads it together with other keys, and then calls Decode.
func (b *Buffer[K, V]) Hash() string { return b.pending.texts }

// Decode returns the value in the text of such a field.
func (b *Buffer[K, V]) Decode(text string) (value V, err error) {
	_, value, err = decode[V](text)
	return value, err
}

// decode reads an entry: a version and a value as JSON, with a space between.
func decode[V any](entry string) (version int64, value V, err error) {
	digits, encoded, _ := strings.Cut(entry, " ")
	version, err = strconv.ParseInt(digits, 10, 64)
	if err == nil {
		err = json.Unmarshal([]byte(encoded), &value)
	}
	if err != nil {
		return version, value, fmt.Errorf("not an entry of the buffer: %w", err)
	}
	return version, value, nil
}

// run runs a script. Its keys are those of from, of the dead letters and of the version.
func (b *Buffer[K, V]) run(ctx context.Context, script *redis.Script, from queue, args ...any) *redis.Cmd {
	return script.Run(ctx, b.options.Client, b.keys(from), args...)
}

func (b *Buffer[K, V]) keys(from queue) []string {
	return []string{from.texts, from.order, b.dead.texts, b.dead.order, b.version}
}

func unavailable(doing string, err error) error {
	return fmt.Errorf("%s: %w: %w", doing, problem.ErrUnavailable, err)
}
