package writebehind_test

import (
	"context"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services/problem"
)

// A network may deliver a request long after its client has given up.
func TestPut_ThatArrivesLateLeavesWhatWasPutAfterIt(t *testing.T) {
	for name, c := range map[string]struct {
		held   devtest.Hold
		late   time.Duration // after the answer
		flush  bool          // what was put after it
		cancel bool          // the request
	}{
		"a try":                      {held: devtest.Hold{Pieces: 1}},
		"a try, later":               {held: devtest.Hold{Pieces: 1}, late: time.Second},
		"a try, its connection cut":  {held: devtest.Hold{Pieces: 1, Reset: true}},
		"all tries":                  {held: devtest.Hold{Pieces: 2}},
		"all tries, later":           {held: devtest.Hold{Pieces: 2}, late: time.Second},
		"all tries, connections cut": {held: devtest.Hold{Pieces: 2, Reset: true}},
		"after a newer, stored":      {held: devtest.Hold{Pieces: 2}, flush: true},
		"of a request cut off":       {held: devtest.Hold{Pieces: 1}, cancel: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := devtest.OwnRedis(t)
			line := devtest.Slow(t, server.URL)
			database := newCatalogue(t, devtest.Database(t), 1)
			s, other := newShelfOn(t, database, line.URL, sends), newShelfOn(t, database, server.URL)
			s.put(1, 1) // the script is known, and Redis' clock
			other.put(1, 1)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.cancel {
				time.AfterFunc(100*time.Millisecond, cancel)
			}

			c.held.Text = "evalsha"
			release := line.Hold(t, c.held)
			_, err := s.Put(ctx, 1, 1111)
			if refused := c.held.Pieces == 2 || c.cancel; refused != (problem.CodeOf(err) == problem.Unavailable) {
				t.Errorf("the put: %v", err)
			}
			other.put(1, 2222)
			if c.flush {
				other.flush()
			}
			time.Sleep(c.late)
			ran := scripts(t, other.client)
			release()
			eventually(t, "what was late has arrived", func() bool { return scripts(t, other.client) == ran+int(c.held.Pieces) })

			if got, err := other.Pending(t.Context(), 1); err != nil || !c.flush && got[1] != 2222 || c.flush && len(got) > 0 {
				t.Errorf("pending is %v, %v", got, err)
			}
			other.flush()
			other.stored(1, 2222)
			s.put(1, 3333)
			other.flush()
			other.stored(1, 3333)
		})
	}
}

var scriptCalls = regexp.MustCompile(`cmdstat_evalsha:calls=(\d+)`)

// scripts is how many scripts the server has run.
func scripts(t *testing.T, client redis.UniversalClient) int {
	t.Helper()
	info, err := client.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(scriptCalls.FindStringSubmatch(info)[1])
	return n
}
