package writebehind_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
)

// Three workers put and flush, and are killed at random points, again and again.
// CRASH_ROUNDS sets the number of rounds.
func TestCrash_LosesNoAcknowledgedWrite(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	rounds, err := strconv.ParseInt(os.Getenv("CRASH_ROUNDS"), 10, 64)
	if err != nil {
		rounds = 5
	}
	redisURL, database := devtest.Redis(t), devtest.EmptyDatabase(t)
	s := newFixtureOn(t, openTable(t, database), redisURL)
	s.table.MustExec(createTable)
	acknowledged := make(map[int64]int64)
	for round := range rounds {
		var workers []*bufio.Scanner
		for i := range int64(3) {
			workers = append(workers, startWorker(t, workerSettings{redisURL, database, round*3000 + i*1000}))
		}
		for _, out := range workers {
			maps.Copy(acknowledged, readAcknowledged(t, out))
		}
	}
	s.flush()
	s.wantWaiting(0, 0)
	var rows []struct{ Key, Value int64 }
	if err := s.table.SelectContext(t.Context(), &rows, "SELECT key, value FROM kv"); err != nil {
		t.Fatal(err)
	}
	stored, lost := make(map[int64]int64), 0
	for _, row := range rows {
		stored[row.Key] = row.Value
	}
	for key, value := range acknowledged {
		if stored[key] < value {
			lost++
		}
	}
	t.Logf("%d keys were acknowledged, %d are lost", len(acknowledged), lost)
	if lost > 0 || len(acknowledged) < int(rounds) {
		t.Fail()
	}
}

// workerVariable makes the test binary a worker.
const workerVariable = "PREFAB_TEST_WRITE_BEHIND_WORKER"

type workerSettings struct {
	Redis, Database string
	First           int64 // of its thousand keys
}

// runWorker prints each put that has been acknowledged.
func runWorker(text string) int {
	var settings workerSettings
	if err := json.Unmarshal([]byte(text), &settings); err != nil {
		panic(err)
	}
	t := &testing.B{} // it is never asked to fail, and never ends
	s := newFixtureOn(t, openTable(t, settings.Database), settings.Redis, batchesOf(1000))
	ctx := context.Background()
	go func() {
		for ; ; time.Sleep(time.Millisecond) {
			_ = s.Flush(ctx, s.table.setAll) // what failed waits for the next one
		}
	}()
	for key := settings.First; key < settings.First+1000; key++ {
		for value := int64(1); value <= 3; value++ {
			if _, err := s.Put(ctx, key, value); err != nil {
				panic(err)
			}
			fmt.Println(key, value)
		}
	}
	select {}
}

// startWorker returns the output of a worker that has put something, and will be killed.
func startWorker(t *testing.T, settings workerSettings) *bufio.Scanner {
	t.Helper()
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), workerVariable+"="+string(text)), os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	out := bufio.NewScanner(stdout)
	if !out.Scan() {
		t.Fatal("a worker has put nothing")
	}
	time.AfterFunc(rand.N(150*time.Millisecond), func() { _ = cmd.Process.Kill() })
	return out
}

func readAcknowledged(t *testing.T, out *bufio.Scanner) map[int64]int64 {
	t.Helper()
	acknowledged := make(map[int64]int64)
	for out.Scan() {
		var key, value int64
		if _, err := fmt.Sscan(out.Text(), &key, &value); err == nil { // the kill may cut the last line
			acknowledged[key] = value
		}
	}
	return acknowledged
}
