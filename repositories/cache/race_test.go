package cache_test

import (
	"fmt"
	"os"
	"strconv"
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
