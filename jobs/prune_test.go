package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/prefab/jobs"
	"example.com/prefab/services"
)

// bin notes what it is asked to remove.
type bin struct {
	services.ProductStore
	before  time.Time
	removes int64
	err     error
}

func (b *bin) Prune(_ context.Context, before time.Time, _ int) (int64, error) {
	b.before = before
	return b.removes, b.err
}

func TestPruneProducts_RemovesWhatIsOlderAndSaysHowMany(t *testing.T) {
	broken := errors.New("broken")
	for _, store := range []*bin{{}, {removes: 7}, {removes: 7, err: broken}, {err: broken}} {
		synctest.Test(t, func(t *testing.T) {
			log := new(bytes.Buffer)
			job := jobs.PruneProducts(services.NewProducts(store), 720*time.Hour, slog.New(slog.NewTextHandler(log, nil)))
			if err := job.Run(t.Context()); !errors.Is(err, store.err) {
				t.Errorf("error %v, want %v", err, store.err)
			}
			if age := time.Since(store.before); age != 720*time.Hour {
				t.Errorf("removed what is older than %v", age)
			}
			if said := strings.Contains(log.String(), "products=7"); said != (store.removes == 7) {
				t.Errorf("of %d removed it says %q", store.removes, log)
			}
			if !job.Shared || job.Timeout <= 0 || job.Timeout > job.Every {
				t.Errorf("shared %v, within %v every %v", job.Shared, job.Timeout, job.Every)
			}
		})
	}
}
