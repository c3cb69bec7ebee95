package writebehind_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/writebehind"
	"example.com/prefab/services/problem"
)

func TestPut_WritesThroughWhereRedisMayDropIt(t *testing.T) {
	evicting := devtest.OwnRedis(t)
	if err := openClient(t, evicting.URL).ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err(); err != nil {
		t.Fatal(err)
	}
	for name, url := range map[string]string{
		"miniredis":    "redis://" + miniredis.RunT(t).Addr(),
		"evicts a key": evicting.URL,
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			s := newShelfOn(t, newCatalogue(t, devtest.Database(t), 1), url, func(o *stockOptions) {
				o.Log = slog.New(slog.NewTextHandler(&log, nil))
			})
			for value := range int64(3) {
				s.put(1, value)
				s.stored(1, value)
			}
			s.flush()
			s.waits(0, 0)
			if s.Mode() != "write-through" || strings.Count(log.String(), "writes are not buffered") != 1 {
				t.Errorf("the mode is %s, the log %s", s.Mode(), &log)
			}
		})
	}
}

// What waits of a key is older than what is put now, and must not come later,
// whichever process has put it when.
func TestPut_WritesThroughOnlyWhereNothingWaits(t *testing.T) {
	server := devtest.OwnRedis(t)
	database := newCatalogue(t, devtest.Database(t), 2)
	before := newShelfOn(t, database, server.URL)
	before.put(1, 10)
	if err := before.client.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err(); err != nil {
		t.Fatal(err)
	}
	s := newShelfOn(t, database, server.URL)
	if _, err := s.Put(t.Context(), 1, 11); !errors.Is(err, writebehind.ErrFull) {
		t.Errorf("with something waiting: %v", err)
	}
	if got, err := s.Pending(t.Context(), 1); err != nil || got[1] != 10 {
		t.Errorf("pending is %v, %v", got, err)
	}
	s.put(2, 5)
	before.put(2, 6) // still takes Redis for what it was
	if _, err := s.Put(t.Context(), 2, 7); !errors.Is(err, writebehind.ErrFull) {
		t.Errorf("with something waiting from another process: %v", err)
	}
	s.flush()
	s.stored(2, 6)
	s.put(1, 11)
	s.stored(1, 11)
}

func TestPut_WithoutRedisIsRefused(t *testing.T) {
	server := devtest.OwnRedis(t)
	s := newShelfOn(t, newCatalogue(t, devtest.Database(t), 1), server.URL)
	server.Stop()
	refused := func(when string) {
		t.Helper()
		if _, err := s.Put(t.Context(), 1, 10); problem.CodeOf(err) != problem.Unavailable {
			t.Errorf("%s: %v", when, err)
		}
	}
	refused("never seen Redis")
	if s.Mode() != "unavailable" {
		t.Errorf("the mode is %s", s.Mode())
	}
	server.Start()
	s.put(1, 11)
	server.Stop()
	refused("Redis gone")
	server.Start()
	s.waits(1, 0) // it is in Redis' log
	s.put(1, 12)
	s.flush()
	s.stored(1, 12)
	if s.Mode() != "buffered" {
		t.Errorf("the mode is %s", s.Mode())
	}
}

func TestStart_SaysThatACrashOfRedisCostsWritesWithoutItsLog(t *testing.T) {
	server := devtest.OwnRedis(t)
	if err := openClient(t, server.URL).ConfigSet(t.Context(), "appendonly", "no").Err(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s := newShelfOn(t, newCatalogue(t, devtest.Database(t), 1), server.URL, func(o *stockOptions) {
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
	})
	s.Start(t.Context())
	s.Start(t.Context())
	if s.Mode() != "buffered" || strings.Count(log.String(), "no append-only file") != 1 {
		t.Errorf("the mode is %s, the log %s", s.Mode(), &log)
	}
}

// A process that found Redis to be another one may bury a newer write meanwhile.
func TestPut_WritesThroughInPlaceOfTheDeadLetterThatItFound(t *testing.T) {
	server := devtest.OwnRedis(t)
	database := newCatalogue(t, devtest.Database(t), 2)
	before := newShelfOn(t, database, server.URL)
	before.exec(refuse13)
	for key := range int64(2) {
		before.put(key+1, 13)
	}
	before.flush()
	before.waits(0, 2)
	if err := before.client.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err(); err != nil {
		t.Fatal(err)
	}
	s := newShelfOn(t, database, server.URL, func(o *stockOptions) {
		o.Through = func(ctx context.Context, key, value int64) error {
			if key == 2 {
				before.put(2, 13)
				before.flush()
			}
			return before.table.Set(ctx, key, value)
		}
	})
	s.put(1, 14)
	s.put(2, 14)
	s.waits(0, 1)
	if left, err := s.DeadLetters(t.Context(), 10); err != nil || len(left) != 1 || left[0].Key != "2" {
		t.Errorf("left are %+v, %v", left, err)
	}
}
