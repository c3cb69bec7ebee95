package cache_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services/transaction"
)

// Three processes read a row all the time while one of them, in turn, writes it. Afterwards
// neither they nor Redis have an older value.
func TestRace_LeavesNothingStale(t *testing.T) {
	takesSeconds(t)
	url, s := ownRedis(t), newRow(t, devtest.Database(t))
	nodes := []*node{newNode(t, url), newNode(t, url), newNode(t, url)}
	load := func(ctx context.Context) (int64, error) {
		defer time.Sleep(3 * time.Millisecond)
		return s.load(ctx)
	}
	for round := range int64(100) {
		reading, stop := context.WithCancel(t.Context())
		var readers sync.WaitGroup
		for i := range 12 {
			readers.Go(func() {
				for reading.Err() == nil {
					_, _ = nodes[i%3].get(context.WithoutCancel(reading), load)
					time.Sleep(100 * time.Microsecond)
				}
			})
		}
		if err := nodes[round%3].cache.Write(t.Context(), tags, s.set(round+1)); err != nil {
			t.Fatal(err)
		}
		stop()
		readers.Wait()
		for _, n := range nodes { // what is cached wrongly would stay for a minute
			devtest.Eventually(t, "the new value only", func() bool { return n.holdsOnly(t.Context(), round+1) })
			n.gives(t, s, round+1)
		}
	}
}

// crew is a writer and two readers, who all hold the value 0.
func crew(t *testing.T, url string, s *source) (writer *node, readers []*node) {
	t.Helper()
	writer, readers = newNode(t, url), []*node{newNode(t, url), newNode(t, url)}
	for _, n := range append(readers, writer) {
		n.gives(t, s, 0)
	}
	return writer, readers
}

const writeTimeout = 3 * time.Second // a write waits 2 s for Redis; tombstones last for 3 s more

// doomedVariable makes the test binary a doomed writer: of a Redis, and of the row of a database.
const doomedVariable = "PREFAB_TEST_CACHE_DOOMED"

const doomedInTransaction = " in a transaction" // after the database

// beDoomed writes once its standard input ends, and is killed between the commit and the invalidation.
func beDoomed(redisURL, database string) {
	t := &testing.B{} // it is never asked to fail, and never ends
	database, inTransaction := strings.CutSuffix(database, doomedInTransaction)
	n, s := openNode(t, redisURL), &source{db: openDatabase(t, database)}
	n.cache.Start(context.Background())
	n.ready(t)
	_, _ = os.Stdout.WriteString("ready\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	die := func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL); select {} }
	if inTransaction {
		panic(s.transact(ctx, func(ctx context.Context) error {
			transaction.From(ctx).AfterEnd(func(transaction.Outcome) { die() }) // before the cache hears of it
			return n.cache.Write(ctx, tags, s.update(1))
		}))
	}
	panic(n.cache.Write(ctx, tags, func(ctx context.Context) error {
		if err := s.set(1)(ctx); err != nil {
			return err
		}
		die()
		return nil
	}))
}

// startDoomed starts a process that is killed when it writes.
func startDoomed(t *testing.T, redisURL, database string) (write func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), doomedVariable+"="+redisURL+" "+database), os.Stderr
	in, err := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the writer says %q, %v", line, err)
	}
	return func() {
		t.Helper()
		_ = in.Close()
		_ = cmd.Wait()
		if end := cmd.ProcessState.String(); end != "signal: killed" {
			t.Fatalf("the writer ends with %s", end)
		}
	}
}

// cachedAgain checks that no reader holds anything but the value, and that they cache it again.
func cachedAgain(t *testing.T, s *source, readers []*node, want int64) {
	t.Helper()
	for _, n := range readers {
		n.ready(t)
		if !n.holdsOnly(t.Context(), want) {
			t.Error("a reader holds an older value")
		}
	}
	devtest.Eventually(t, "the value is cached again", func() bool {
		for _, n := range readers {
			if n.gives(t, s, want); t.Failed() {
				t.FailNow()
			}
		}
		_, inRedis := readers[0].held(t.Context(), true)
		_, inMemory := readers[1].held(t.Context(), false)
		return inRedis && inMemory
	})
}

func TestWrite_KilledAfterTheCommitLeavesNothingStale(t *testing.T) {
	takesSeconds(t)
	url, database := ownRedis(t), devtest.Database(t)
	s := newRow(t, database)
	_, readers := crew(t, url, s)
	startDoomed(t, url, database)()
	for _, n := range readers {
		n.soonGives(t, s, 1)
		if _, held := n.held(t.Context(), true); held {
			t.Error("Redis has a value while the write may not be over")
		}
	}
	cachedAgain(t, s, readers, 1) // once the tombstones have expired
}

// Redis is down while somebody writes, and the writer may not live to tell of it.
func TestWrite_WithoutRedisLeavesNothingStale(t *testing.T) {
	takesSeconds(t)
	for name, outage := range map[string]outage{"stopped": stopped, "frozen": frozen} {
		for _, dies := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				redis, database := devtest.OwnRedis(t), devtest.Database(t)
				s := newRow(t, database)
				writer, readers := crew(t, redis.URL, s)
				write := func() {
					ctx, cancel := context.WithTimeout(t.Context(), writeTimeout)
					defer cancel()
					if err := writer.cache.Write(ctx, tags, s.set(1)); err != nil {
						t.Error(err)
					}
					writer.gives(t, s, 1)
				}
				if dies {
					write = startDoomed(t, redis.URL, database)
				}
				outage.begin(redis, nil)
				write()
				for _, n := range readers { // shorter absences of a writer that dies are not noticed
					devtest.Eventually(t, "the readers have missed Redis", func() bool { return !n.cache.Usable() || !n.cache.Hearing() })
				}
				outage.end(redis, nil)
				cachedAgain(t, s, readers, 1)
			})
		}
	}
}

// A Redis that comes back with the data of an hour ago has the entries of an hour ago, and
// the generations that go with them.
func TestRedis_RestartedWithOlderDataGivesNothingStale(t *testing.T) {
	t.Parallel()
	redis, s := devtest.OwnRedis(t), newRow(t, devtest.Database(t))
	client := openClient(t, redis.URL)
	writer, readers := crew(t, redis.URL, s)
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
	if err := writer.cache.Write(t.Context(), tags, s.set(1)); err != nil {
		t.Fatal(err)
	}
	all := []*node{writer, readers[0], readers[1]}
	for _, n := range all {
		n.soonGives(t, s, 1)
	}
	redis.Signal(syscall.SIGKILL)
	for name, data := range older {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	redis.Start()
	if n := client.Exists(t.Context(), writer.cache.EntryKey(tags[0], "numbers", "key")).Val(); n != 1 {
		t.Fatal("Redis does not have the older data")
	}
	for _, n := range all { // the end of their connections tells them, after a moment
		devtest.Eventually(t, "another server is noticed", func() bool { return n.holdsOnly(t.Context(), 1) })
	}
	cachedAgain(t, s, readers, 1)
}
