package outbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/repositories/outbox"
	"example.com/prefab/services/deadletter"
)

func TestDeadLetters_TellNothingOfAPerson(t *testing.T) {
	db := openDB(t)
	b, _ := box(t, db, func(context.Context, string) error {
		return outbox.Permanent(errors.New("ann@example.com is refused"))
	})
	for range 3 {
		add(t, b, "to ann@example.com")
	}
	before := time.Now()
	deliver(t, b)
	add(t, b, "waits")
	db.MustExec("UPDATE outbox SET attempts = 9, due_at = clock_timestamp() + interval '1 hour' WHERE id = 2")
	letters, err := b.DeadLetters(t.Context(), 2)
	if err != nil || len(letters) != 2 || letters[0].Key != "3" || letters[1].Key != "2" {
		t.Fatalf("the newest two are %+v, error %v", letters, err)
	}
	if text := fmt.Sprint(letters); strings.Contains(text, "ann") || !strings.Contains(text, "id 2") {
		t.Errorf("told is %s", text)
	}
	for i, about := range []string{"note, attempts: 1", "note, attempts: 9"} {
		if l := letters[i]; l.About != about || l.At.Before(before.Add(-time.Minute)) || l.At.After(time.Now().Add(time.Minute)) {
			t.Errorf("a letter is %+v, want %q, tried now", l, about)
		}
	}
}

func TestRetryDeadLetter_MakesItDueWithNewAttempts(t *testing.T) {
	db := openDB(t)
	failure, delivered := outbox.Permanent(errors.New("refused")), 0
	b, registry := box(t, db, func(context.Context, string) error { delivered++; return failure })
	add(t, b, "one")
	add(t, b, "two")
	deliver(t, b)
	<-b.Added()
	wantGauges(t, registry, 0, 2)
	failure = nil
	if err := b.RetryDeadLetter(t.Context(), "2"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-b.Added():
	default:
		t.Error("no run is requested")
	}
	wantGauges(t, registry, 1, 1)
	if err := b.RetryDeadLetter(t.Context(), "2"); !errors.Is(err, deadletter.ErrNone) {
		t.Errorf("an item that waits gives %v", err)
	}
	deliver(t, b)
	wantGauges(t, registry, 0, 1)
	if delivered != 3 {
		t.Errorf("there were %d deliveries", delivered)
	}
}

func TestDiscardDeadLetter_DeletesItAndLogsThat(t *testing.T) {
	db := openDB(t)
	var log bytes.Buffer
	b := outbox.New(outbox.Options{
		DB: db, Log: slog.New(slog.NewTextHandler(&log, nil)), Metrics: prometheus.NewRegistry(),
	})
	for range 2 {
		if err := b.Add(t.Context(), "note", "to ann@example.com"); err != nil {
			t.Fatal(err)
		}
	}
	db.MustExec("UPDATE outbox SET given_up = true WHERE id = 1")
	for key, want := range map[string]error{"1": nil, "2": deadletter.ErrNone, "3": deadletter.ErrNone, "x": deadletter.ErrNone} {
		if err := b.DiscardDeadLetter(t.Context(), key); !errors.Is(err, want) {
			t.Errorf("item %s: error %v, want %v", key, err, want)
		}
	}
	var left []int64
	if err := db.SelectContext(t.Context(), &left, "SELECT id FROM outbox"); err != nil || len(left) != 1 || left[0] != 2 {
		t.Errorf("left are %v, error %v", left, err)
	}
	if !strings.Contains(log.String(), "discarded\" id=1 kind=note") || strings.Contains(log.String(), "ann") {
		t.Errorf("logged is %s", &log)
	}
}
