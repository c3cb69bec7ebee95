package writebehind_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
)

// keysOfRound are the products that the workers of a round may write.
const keysOfRound = 4000

// crashes counts the rounds; CRASH_ROUNDS asks for more.
func crashes(t *testing.T) int {
	if text := os.Getenv("CRASH_ROUNDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 20
}

func TestCrash_LosesNoAcknowledgedWrite(t *testing.T) {
	if acknowledged, lost := crash(t, crashes(t), false); lost > 0 {
		t.Errorf("%d of %d are lost", lost, acknowledged)
	}
}

// A busy machine makes few of the moments in which a write can be lost.
func TestCrash_WithoutVersionsLosesWrites(t *testing.T) {
	for range 10 {
		if _, lost := crash(t, 8, true); lost > 0 {
			return
		}
	}
	t.Error("none is lost, so the test above shows nothing")
}

// crash kills three workers that put and flush, at random points, again and
// again, and says how many keys have not at least the last value acknowledged.
func crash(t *testing.T, rounds int, forget bool) (acknowledged, lost int) {
	redisURL := devtest.Redis(t)
	database := newCatalogue(t, devtest.Database(t), rounds*keysOfRound)
	last := make(map[int64]int64)
	for round := range int64(rounds) {
		var workers []*worker
		for i := range int64(3) {
			first := round*keysOfRound + i*keysOfRound/3 + 1
			workers = append(workers, startWorker(t, workerSettings{
				Redis: redisURL, Database: database, Forget: forget, First: first, Last: first + keysOfRound/3 - 1,
			}))
		}
		for _, w := range workers {
			w.killAfter(rand.N(150 * time.Millisecond))
		}
		for _, w := range workers {
			maps.Copy(last, w.acknowledged())
		}
	}
	s := newShelfOn(t, database, redisURL)
	s.flush()
	s.waits(0, 0)
	var rows []struct{ ProductID, Quantity int64 }
	if err := s.db.SelectContext(t.Context(), &rows, "SELECT product_id, quantity FROM stock"); err != nil {
		t.Fatal(err)
	}
	stored := make(map[int64]int64, len(rows))
	for _, row := range rows {
		stored[row.ProductID] = row.Quantity
	}
	for key, value := range last {
		if stored[key] < value {
			lost++
		}
	}
	t.Logf("%d rounds: %d keys were acknowledged, %d are lost", rounds, len(last), lost)
	if len(last) < rounds {
		t.Errorf("only %d keys were acknowledged", len(last))
	}
	return len(last), lost
}

type worker struct {
	t   *testing.T
	cmd *exec.Cmd
	out *bufio.Reader
	got map[int64]int64
}

// startWorker returns once the worker has put something.
func startWorker(t *testing.T, settings workerSettings) *worker {
	t.Helper()
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	w := &worker{t: t, cmd: exec.Command(os.Args[0]), got: make(map[int64]int64)}
	w.cmd.Env = append(os.Environ(), workerVariable+"="+string(text))
	w.cmd.Stderr = os.Stderr
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	w.out = bufio.NewReader(out)
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = w.cmd.Process.Kill()
		_ = w.cmd.Wait() // it was killed, as this would say
	})
	if !w.read() {
		t.Fatal("a worker has put nothing")
	}
	return w
}

// read takes in one acknowledgement. A line that the kill has cut was none.
func (w *worker) read() bool {
	line, err := w.out.ReadString('\n')
	if err != nil {
		if err != io.EOF {
			w.t.Error(err)
		}
		return false
	}
	var key, value int64
	if _, err := fmt.Sscan(line, &key, &value); err != nil {
		w.t.Errorf("a worker says %q: %v", line, err)
	}
	w.got[key] = value
	return true
}

func (w *worker) killAfter(d time.Duration) {
	time.AfterFunc(d, func() { _ = w.cmd.Process.Kill() })
}

func (w *worker) acknowledged() map[int64]int64 {
	for w.read() {
	}
	return w.got
}
