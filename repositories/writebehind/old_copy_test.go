package writebehind_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/app/devservices/devtest"
)

// forgetful is a shelf on a Redis that comes back with data of before.
type forgetful struct {
	*shelf
	registry *prometheus.Registry
	log      bytes.Buffer
}

func newForgetful(t *testing.T, database, redisURL string) *forgetful {
	t.Helper()
	f := &forgetful{registry: prometheus.NewRegistry()}
	f.shelf = newShelfOn(t, database, redisURL, func(o *stockOptions) {
		o.Log, o.Metrics = slog.New(slog.NewTextHandler(&f.log, nil)), f.registry
	})
	return f
}

// snapshot ends Redis' log, so that the next start finds what is there now.
func (f *forgetful) snapshot() {
	f.t.Helper()
	if err := f.client.ConfigSet(f.t.Context(), "appendonly", "no").Err(); err != nil {
		f.t.Fatal(err)
	}
}

func (f *forgetful) crash(server *devtest.Server) {
	f.t.Helper()
	server.Signal(syscall.SIGKILL)
	server.Start()
	eventually(f.t, "Redis answers", func() bool { return f.client.Ping(f.t.Context()).Err() == nil })
	f.changed = nil
}

// dropped wants one old copy to be dropped, and told of.
func (f *forgetful) dropped(key, stored int64) {
	f.t.Helper()
	f.waits(0, 0)
	f.stored(key, stored)
	version := f.number("SELECT version FROM stock WHERE product_id = $1", key)
	for _, want := range []string{"level=WARN", fmt.Sprintf("key=%d ", key), "version=", fmt.Sprintf("stored_version=%d", version)} {
		if !strings.Contains(f.log.String(), want) {
			f.t.Errorf("the log does not say %q: %s", want, &f.log)
		}
	}
	got := measured(f.t, f.registry)
	if outdated, again := got["prefab_write_behind_outdated_total"], got["prefab_write_behind_restamped_total"]; outdated != 1 || again != 0 {
		f.t.Errorf("%v are counted as outdated and %v as restamped, want 1 and 0", outdated, again)
	}
	if !slices.Contains(f.changed, key) {
		f.t.Errorf("caches were told of %v", f.changed)
	}
}

func TestFlush_AnOldCopyInRedisLeavesWhatIsStored(t *testing.T) {
	server := devtest.OwnRedis(t)
	f := newForgetful(t, newCatalogue(t, devtest.Database(t), 1), server.URL)
	f.put(1, 1111)
	f.snapshot()
	for _, value := range []int64{1111, 2222, 3333} {
		f.put(1, value)
		f.flush()
	}
	f.crash(server)
	f.waits(1, 0)
	f.flush()
	f.dropped(1, 3333)
	f.put(1, 4444)
	f.flush()
	f.stored(1, 4444)
}

func TestDeadLetters_ThatAreOldCopiesLeaveWhatIsStored(t *testing.T) {
	server := devtest.OwnRedis(t)
	f := newForgetful(t, newCatalogue(t, devtest.Database(t), 1), server.URL)
	f.exec(refuse13)
	f.put(1, 13)
	f.flush()
	f.snapshot()
	f.put(1, 14)
	f.flush()
	f.crash(server)
	f.waits(0, 1)
	f.exec("ALTER TABLE stock DROP CONSTRAINT no_13")
	f.retry()
	f.dropped(1, 14)
}
