package outbox_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/outbox"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services/problem"
)

// TestMain gives each database the table outbox.
func TestMain(m *testing.M) {
	const migration = "00005_outbox.sql"
	text, err := os.ReadFile("../migrations/" + migration)
	if err != nil {
		panic(err)
	}
	devtest.Main(m, fstest.MapFS{migration: {Data: text}})
}

type note struct {
	Text string `json:"text"`
}

func openDB(t *testing.T) *sqlx.DB {
	t.Helper()
	db, err := postgres.Open(postgres.Options{URL: devtest.Database(t), MaxConns: 8, Prepared: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// notes is an outbox of notes, with its job.
type notes struct {
	*outbox.Outbox
	deliver func(context.Context) error
}

func box(t *testing.T, db *sqlx.DB, handle func(ctx context.Context, text string) error) (notes, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	b := outbox.New(outbox.Options{DB: db, Log: slog.New(slog.DiscardHandler), Metrics: registry})
	return notes{b, b.Deliver(func(ctx context.Context, item outbox.Item) error {
		var n note
		if err := json.Unmarshal(item.Payload, &n); err != nil || item.Kind != "note" {
			t.Errorf("got %+v, error %v", item, err)
		}
		return handle(ctx, n.Text)
	})}, registry
}

func add(t *testing.T, b notes, text string) {
	t.Helper()
	if err := b.Add(t.Context(), "note", note{text}); err != nil {
		t.Fatal(err)
	}
}

func deliver(t *testing.T, b notes) {
	t.Helper()
	if err := b.deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func makeDue(t *testing.T, db *sqlx.DB) {
	t.Helper()
	db.MustExecContext(t.Context(), "UPDATE outbox SET due_at = clock_timestamp()")
}

func wantGauges(t *testing.T, registry *prometheus.Registry, waiting, givenUp int) {
	t.Helper()
	want := fmt.Sprintf(`# HELP prefab_outbox_given_up Items that were given up.
# TYPE prefab_outbox_given_up gauge
prefab_outbox_given_up %d
# HELP prefab_outbox_waiting Items that wait to be delivered.
# TYPE prefab_outbox_waiting gauge
prefab_outbox_waiting %d
`, givenUp, waiting)
	err := testutil.GatherAndCompare(registry, strings.NewReader(want), "prefab_outbox_given_up", "prefab_outbox_waiting")
	if err != nil {
		t.Error(err)
	}
}

func TestDeliver_TakesAllInOrderAndOnce(t *testing.T) {
	db := openDB(t)
	var got []string
	b, registry := box(t, db, func(_ context.Context, text string) error {
		got = append(got, text)
		return nil
	})
	add(t, b, "one")
	add(t, b, "two")
	wantGauges(t, registry, 2, 0)
	select {
	case <-b.Added():
	default:
		t.Error("no run is requested")
	}
	deliver(t, b)
	deliver(t, b)
	if fmt.Sprint(got) != "[one two]" {
		t.Errorf("delivered are %v", got)
	}
	wantGauges(t, registry, 0, 0)
}

// A failure waits for its next attempt, and keeps no other item waiting.
func TestDeliver_TriesAgainLaterAndGivesUpInTheEnd(t *testing.T) {
	db := openDB(t)
	attempts, others := 0, 0
	b, registry := box(t, db, func(_ context.Context, text string) error {
		if text != "bad" {
			others++
			return nil
		}
		if attempts++; attempts == 2 {
			panic("a fault")
		}
		return errors.New("no \x00 use\xff")
	})
	add(t, b, "bad")
	add(t, b, "good")
	deliver(t, b)
	deliver(t, b) // too early
	if attempts != 1 || others != 1 {
		t.Fatalf("%d attempts, %d others", attempts, others)
	}
	var wait []float64
	for range 20 {
		const seconds = "SELECT round(extract(epoch FROM due_at - clock_timestamp()) / 60) FROM outbox WHERE NOT given_up"
		if err := db.SelectContext(t.Context(), &wait, seconds); err != nil {
			t.Fatal(err)
		}
		if len(wait) == 1 && wait[0] != float64(min(60, 1<<(attempts-1))) {
			t.Errorf("after %d attempts it waits %v minutes", attempts, wait[0])
		}
		makeDue(t, db)
		deliver(t, b)
	}
	if attempts != 12 {
		t.Errorf("given up after %d attempts", attempts)
	}
	wantGauges(t, registry, 0, 1)
	var text string
	if err := db.GetContext(t.Context(), &text, "SELECT error FROM outbox"); err != nil || text != "no  use" {
		t.Errorf("its error is %q, %v", text, err)
	}
}

func TestDeliver_GivesUpAtOnceWhatIsOfNoUseAndKeepsABoundedNumber(t *testing.T) {
	db := openDB(t)
	b, registry := box(t, db, func(context.Context, string) error {
		return fmt.Errorf("read it: %w", outbox.Permanent(errors.New("no such mailbox")))
	})
	db.MustExecContext(t.Context(), `INSERT INTO outbox (kind, payload, given_up)
		SELECT 'note', '{"text":"old"}', true FROM generate_series(1, 1000)`)
	add(t, b, "bad")
	deliver(t, b)
	wantGauges(t, registry, 0, 1000)
	var newest string
	err := db.GetContext(t.Context(), &newest, "SELECT payload->>'text' FROM outbox ORDER BY id DESC LIMIT 1")
	if err != nil || newest != "bad" {
		t.Errorf("the newest is %q, %v", newest, err)
	}
}

func TestDeliver_ManyProcessesShareTheItems(t *testing.T) {
	db := openDB(t)
	var mu sync.Mutex
	got := map[string]int{}
	b, _ := box(t, db, func(_ context.Context, text string) error {
		mu.Lock()
		defer mu.Unlock()
		got[text]++
		return nil
	})
	for i := range 50 {
		add(t, b, fmt.Sprint(i))
	}
	var processes sync.WaitGroup
	for range 4 {
		processes.Go(func() { deliver(t, b) })
	}
	processes.Wait()
	for text, n := range got {
		if n != 1 {
			t.Errorf("%s was delivered %d times", text, n)
		}
	}
	if len(got) != 50 {
		t.Errorf("%d of 50 were delivered", len(got))
	}
}

// What a process had claimed when it was killed, another one delivers.
func TestDeliver_AnItemOfADeadProcessIsDueAgain(t *testing.T) {
	db := openDB(t)
	ctx, kill := context.WithCancel(t.Context())
	dying, _ := box(t, db, func(ctx context.Context, _ string) error {
		kill()
		return ctx.Err()
	})
	add(t, dying, "one")
	if err := dying.deliver(ctx); err != nil {
		t.Fatal(err)
	}
	delivered := 0
	heir, registry := box(t, db, func(context.Context, string) error { delivered++; return nil })
	makeDue(t, db)
	deliver(t, heir)
	if delivered != 1 {
		t.Errorf("delivered %d times", delivered)
	}
	wantGauges(t, registry, 0, 0)
}

// It would end each process that claims it, for ever.
func TestDeliver_AnItemThatEndsEachProcessIsGivenUp(t *testing.T) {
	db := openDB(t)
	handled := 0
	b, registry := box(t, db, func(context.Context, string) error { handled++; return nil })
	for _, text := range []string{"the last attempt", "one too many"} {
		add(t, b, text)
	}
	db.MustExecContext(t.Context(), "UPDATE outbox SET attempts = CASE payload->>'text' WHEN 'one too many' THEN 12 ELSE 11 END")
	deliver(t, b)
	if handled != 1 {
		t.Errorf("handled %d items", handled)
	}
	wantGauges(t, registry, 0, 1)
}

func TestOutbox_WithoutPostgreSQLIsUnavailable(t *testing.T) {
	db := openDB(t)
	b, registry := box(t, db, func(context.Context, string) error { return nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Add(ctx, "note", note{}); !errors.Is(err, problem.ErrUnavailable) {
		t.Errorf("Add: %v", err)
	}
	_ = db.Close()
	if families, err := registry.Gather(); err != nil || len(families) != 0 {
		t.Errorf("the gauges are %v, %v", families, err)
	}
}

// In a transaction an item is there, and its job requested, with the commit.
func TestAdd_InATransactionFollowsTheCommit(t *testing.T) {
	db := openDB(t)
	var got []string
	b, _ := box(t, db, func(_ context.Context, text string) error {
		got = append(got, text)
		return nil
	})
	transaction, failure := postgres.Transactions(db, sql.LevelDefault), errors.New("refused")
	for text, outcome := range map[string]error{"kept": nil, "dropped": failure} {
		err := transaction(t.Context(), func(ctx context.Context) error {
			if err := b.Add(ctx, "note", note{text}); err != nil {
				t.Error(err)
			}
			select {
			case <-b.Added():
				t.Error("the job is requested before the commit")
			default:
			}
			return outcome
		})
		if !errors.Is(err, outcome) {
			t.Error(err)
		}
		<-b.Added()
	}
	if err := b.deliver(t.Context()); err != nil || !slices.Equal(got, []string{"kept"}) {
		t.Errorf("delivered %q, error %v", got, err)
	}
}
