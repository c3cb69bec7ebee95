package cache_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
)

// roundsVariable asks for a longer race.
const roundsVariable = "PREFAB_TEST_RACE_ROUNDS"

func rounds(t *testing.T, usual int) int {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv(roundsVariable)); err == nil {
		return n
	}
	return usual
}

func TestRace_LeavesNothingStale(t *testing.T) {
	n := rounds(t, 100)
	if stale := race(t, n); stale != 0 {
		t.Errorf("%d of %d rounds left a stale entry", stale, n)
	}
}

// race lets three processes read a row while one of them, in turn, writes it,
// and returns after how many rounds one of them or Redis kept an older value.
func race(t *testing.T, rounds int) (stale int) {
	settings := workerSettings{
		Redis: devtest.OwnRedis(t).URL, Database: truth(t), LoadPause: 3 * time.Millisecond,
	}
	var processes []*process
	for range 3 {
		processes = append(processes, startProcess(t, settings))
	}
	var slowest time.Duration
	for round := range rounds {
		value := round + 1
		for _, p := range processes {
			p.must("read")
		}
		processes[round%len(processes)].must(fmt.Sprintf("write %d", value))
		written := time.Now()
		for _, p := range processes {
			p.must("quiet")
		}
		if !allHold(processes, value) {
			stale++
		}
		slowest = max(slowest, time.Since(written))
	}
	t.Logf("%d of %d rounds left a stale entry; the slowest ended after %v", stale, rounds, slowest)
	return stale
}

// allHold reports whether all give the value before long: word of the write may
// be on its way, but what has been kept wrongly would stay.
func allHold(processes []*process, value int) bool {
	for deadline := time.Now().Add(200 * time.Millisecond); ; time.Sleep(5 * time.Millisecond) {
		wrong := 0
		for _, p := range processes {
			if !p.holds(value) || p.ask("get") != fmt.Sprint(value) {
				wrong++
			}
		}
		if wrong == 0 || time.Now().After(deadline) {
			return wrong == 0
		}
	}
}

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

// cachedAgain asks that no reader holds anything but the value, and that it is kept.
func cachedAgain(t *testing.T, readers []*process, value int) {
	t.Helper()
	want := fmt.Sprint(value)
	devtest.Eventually(t, "all readers use Redis again", func() bool {
		return readers[0].ask("ready") == "true" && readers[1].ask("ready") == "true"
	})
	for _, p := range readers {
		if !p.holds(value) {
			t.Errorf("memory gives %s, Redis %s; want %s", p.ask("memory"), p.ask("redis"), want)
		}
	}
	devtest.Eventually(t, "the value is kept again", func() bool {
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
	devtest.Eventually(t, "the readers have heard that the write began", func() bool {
		return readers[0].ask("get") == "1" && readers[1].ask("get") == "1"
	})
	for _, p := range readers {
		if got := p.ask("redis"); got != "nothing" {
			t.Errorf("Redis has %s while the write may not be over", got)
		}
	}
	cachedAgain(t, readers, 1) // once the tombstones have expired
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
				devtest.Eventually(t, "the readers have missed Redis", func() bool { return p.ask("ready") == "false" })
			}
			c.back(redis, nil)
			cachedAgain(t, readers, 1)
		})
	}
}

// A Redis that comes back with the data of an hour ago has the entries of an hour
// ago, and the generations that go with them.
func TestRedis_RestartedWithOlderDataGivesNothingStale(t *testing.T) {
	t.Parallel()
	redis := devtest.OwnRedis(t)
	client := openClient(t, redis.URL)
	writer, readers := crew(t, redis)
	if err := client.Ping(t.Context()).Err(); err != nil { // the server has written its log by then
		t.Fatal(err)
	}
	config := func(key string) string { return client.ConfigGet(t.Context(), key).Val()[key] }
	older := make(map[string][]byte)
	names, err := filepath.Glob(filepath.Join(config("dir"), config("appenddirname"), "*"))
	for _, name := range names {
		older[name], _ = os.ReadFile(name)
	}
	if err != nil || len(names) == 0 {
		t.Fatal("Redis has no log", err)
	}
	writer.must("write 1")
	for _, p := range append(readers, writer) {
		devtest.Eventually(t, "all have the new value", func() bool { return p.ask("get") == "1" })
	}
	redis.Signal(syscall.SIGKILL)
	for name, data := range older {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	redis.Start()
	if n := client.Exists(t.Context(), "test:{truth}:e:numbers:row").Val(); n != 1 {
		t.Fatal("Redis does not have the older data")
	}
	for _, p := range readers { // the end of their connections tells them, after a moment
		devtest.Eventually(t, "a reader has noticed that it is another server", func() bool { return p.holds(1) })
	}
	cachedAgain(t, readers, 1)
}
