package cache_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
)

func ownRedis(t testing.TB) string { return devtest.OwnRedis(t).URL }

// crew is a writer and two readers, who all hold the value 0.
func crew(t *testing.T, redis *devtest.Server) (writer *process, readers []*process) {
	t.Helper()
	settings := workerSettings{Redis: redis.URL, Database: truth(t)}
	writer = startProcess(t, settings)
	readers = []*process{startProcess(t, settings), startProcess(t, settings)}
	for _, p := range append(readers, writer) {
		if got := p.ask("get"); got != "0" {
			t.Fatalf("a reader gives %s at first", got)
		}
	}
	return writer, readers
}

// keepAgain asks that no reader holds anything but the value, and that it is kept.
func keepAgain(t *testing.T, readers []*process, value int) {
	t.Helper()
	want := fmt.Sprint(value)
	eventually(t, "all readers use Redis again", func() bool {
		return readers[0].ask("ready") == "true" && readers[1].ask("ready") == "true"
	})
	for _, p := range readers {
		if !p.holds(value) {
			t.Errorf("memory gives %s, Redis %s; want %s", p.ask("memory"), p.ask("redis"), want)
		}
	}
	eventually(t, "the value is kept again", func() bool {
		for _, p := range readers {
			if got := p.ask("get"); got != want {
				t.Fatalf("a reader gives %s, want %s", got, want)
			}
		}
		return readers[0].ask("redis") == want && readers[1].ask("memory") == want
	})
}

func TestWrite_KilledAfterTheCommitLeavesNothingStale(t *testing.T) {
	t.Parallel()
	writer, readers := crew(t, devtest.OwnRedis(t))
	writer.ask("write 1 and die")
	eventually(t, "the readers have heard that the write began", func() bool {
		return readers[0].ask("get") == "1" && readers[1].ask("get") == "1"
	})
	for _, p := range readers {
		if got := p.ask("redis"); got != "nothing" {
			t.Errorf("Redis has %s while the write may not be over", got)
		}
	}
	keepAgain(t, readers, 1) // once the marks have expired
}

// Redis is away in several ways while somebody writes, and who writes may not
// live to tell of it.
func TestWrite_WithoutRedisLeavesNothingStale(t *testing.T) {
	for _, c := range []struct {
		name      string
		out, back func(*devtest.Server, *devtest.SlowRedis)
		dies      bool
	}{
		{"stopped, and the writer lives", stop, restart, false},
		{"stopped, and the writer dies", stop, restart, true},
		{"frozen, and the writer lives", freeze, thaw, false},
		{"frozen, and the writer dies", freeze, thaw, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			redis := devtest.OwnRedis(t)
			writer, readers := crew(t, redis)
			c.out(redis, nil)
			if c.dies {
				writer.ask("write 1 and die")
			} else {
				writer.must("write 1")
				if got := writer.ask("get"); got != "1" {
					t.Errorf("the writer gives %s", got)
				}
			}
			for _, p := range readers { // shorter absences of a writer that dies are not noticed
				eventually(t, "the readers have missed Redis", func() bool { return p.ask("ready") == "false" })
			}
			c.back(redis, nil)
			keepAgain(t, readers, 1)
		})
	}
}

// A Redis that comes back with the data of an hour ago has the entries of an hour
// ago, and the generations that go with them.
func TestRedis_RestartedWithOlderDataGivesNothingStale(t *testing.T) {
	t.Parallel()
	redis := devtest.OwnRedis(t)
	writer, readers := crew(t, redis)
	log := appendLog(t, redis)
	older := readAll(t, log)
	writer.must("write 1")
	for _, p := range append(readers, writer) {
		eventually(t, "all have the new value", func() bool { return p.ask("get") == "1" })
	}
	redis.Signal(syscall.SIGKILL)
	for name, data := range older {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	redis.Start()
	client := openClient(t, redis.URL)
	if n := client.Exists(t.Context(), "test:{truth}:e:numbers:row").Val(); n != 1 {
		t.Fatal("Redis does not have the older data")
	}
	for _, p := range readers { // the end of their connections tells them, after a moment
		eventually(t, "a reader has noticed that it is another server", func() bool { return p.holds(1) })
	}
	keepAgain(t, readers, 1)
}

// appendLog is the folder in which a Redis logs what it holds.
func appendLog(t *testing.T, redis *devtest.Server) string {
	t.Helper()
	client := openClient(t, redis.URL)
	// The log is written between two turns of the server's loop: here it is.
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	dir := client.ConfigGet(t.Context(), "dir").Val()["dir"]
	return filepath.Join(dir, client.ConfigGet(t.Context(), "appenddirname").Val()["appenddirname"])
}

func readAll(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no log in %s: %v", dir, err)
	}
	files := make(map[string][]byte)
	for _, name := range names {
		if files[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// The epoch does not end by itself, and all that is kept with it.
func TestStart_KeepsTheEpoch(t *testing.T) {
	t.Parallel()
	n, s := newNode(t, ownRedis(t)), new(source)
	n.gives(t, s, 0)
	epoch := n.cache.GenerationKey(cache.Everything)
	if !n.client.Expire(t.Context(), epoch, time.Minute).Val() {
		t.Fatal("there is no epoch")
	}
	eventually(t, "the epoch lasts longer again", func() bool {
		return n.client.TTL(t.Context(), epoch).Val() > time.Hour
	})
}

// A process that starts where nobody has watched trusts nothing that it finds.
func TestStart_TrustsOnlyWhatSomebodyHasWatched(t *testing.T) {
	t.Parallel()
	redis := devtest.OwnRedis(t)
	s := new(source)
	first := newNode(t, redis.URL)
	first.gives(t, s, 0)
	second := newNode(t, redis.URL)
	if _, held := second.held(t.Context(), true); !held {
		t.Error("what a living process watches over is not used")
	}
	first.cache.Close()
	second.cache.Close()
	eventually(t, "the mark of the last watcher has expired", func() bool {
		return first.client.Exists(t.Context(), "test:heartbeat").Val() == 0
	})
	newNode(t, redis.URL).holdsNothing(t)
}

// Nor what a server holds that was started after the watching.
func TestStart_TrustsNoServerThatNobodyWatched(t *testing.T) {
	t.Parallel()
	redis := devtest.OwnRedis(t)
	first := newNode(t, redis.URL)
	first.gives(t, new(source), 0)
	first.cache.Close()
	if err := first.client.Set(t.Context(), "test:heartbeat", "another server", time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	newNode(t, redis.URL).holdsNothing(t)
}
