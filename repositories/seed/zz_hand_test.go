package seed_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"example.com/prefab/repositories"
	"example.com/prefab/repositories/seed"
)

func TestHand(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("HAND"))
	db, _ := repositories.OpenDatabase(repositories.DatabaseOptions{URL: os.Getenv("HANDURL"), MaxConns: 4, Prepared: true})
	start := time.Now()
	var peak uint64
	err := seed.Catalogue(t.Context(), db, seed.Options{Products: n, Progress: func(d, total int) {
		if d%10000 == 0 || d == total {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}})
	t.Log(n, time.Since(start), err, "peak heap MiB", peak>>20)
}

func TestHandCancel(t *testing.T) {
	db, _ := repositories.OpenDatabase(repositories.DatabaseOptions{URL: os.Getenv("HANDURL"), MaxConns: 4, Prepared: true})
	for i := range 150 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(300000))*time.Microsecond)
		start := time.Now()
		err := seed.Catalogue(ctx, db, seed.Options{Products: 100000})
		over := time.Since(start)
		d, _ := ctx.Deadline()
		cancel()
		if err == nil || ctx.Err() == nil {
			t.Fatal(i, err)
		}
		if late := time.Since(d); late > 100*time.Millisecond {
			t.Log("late", late, over, err)
		}
		if i%30 == 0 { t.Log(err) }
		if !errorsIs(err) { t.Error("not a context error:", err) }
		if n := count(t, db, "SELECT count(*) FROM products"); n != 0 {
			t.Fatal(n)
		}
	}
}

func errorsIs(err error) bool { return errors.Is(err, context.DeadlineExceeded) }
