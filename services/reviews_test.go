package services_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

// shelfOfReviews answers what it is told to, or nothing until the end of the call.
type shelfOfReviews struct {
	services.ReviewStore
	exists bool
	err    error
	hang   bool
}

func (s shelfOfReviews) Exists(ctx context.Context, _, _ int64) (bool, error) {
	if s.hang {
		<-ctx.Done()
		return false, ctx.Err()
	}
	return s.exists, s.err
}

func TestReviewsHasReviewed_IsFalseInAnOutageAndSoon(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		store shelfOfReviews
		want  bool
		err   error
	}{
		"done":        {shelfOfReviews{exists: true}, true, nil},
		"not done":    {shelfOfReviews{}, false, nil},
		"away":        {shelfOfReviews{err: problem.ErrUnavailable}, false, nil},
		"frozen":      {shelfOfReviews{hang: true}, false, nil},
		"another way": {shelfOfReviews{err: broken}, false, broken},
	} {
		synctest.Test(t, func(t *testing.T) {
			before := time.Now()
			got, err := services.NewReviews(c.store).HasReviewed(t.Context(), 1, services.User{ID: 2})
			if got != c.want || !errors.Is(err, c.err) || err != nil && c.err == nil {
				t.Errorf("%s: %t, %v", name, got, err)
			}
			if took := time.Since(before); took > time.Second {
				t.Errorf("%s: it takes %v", name, took)
			}
		})
	}
}
