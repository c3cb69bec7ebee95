package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// fact is one figure of Prefab's, and what it must be.
type fact struct {
	What, Value, Must string
	Met               bool
}

// figures are what no load against a reference tells, in the order of the report.
var figures = []struct {
	name    string
	measure func(context.Context, *testbed) ([]fact, error)
}{
	{"memory", measureMemory},
	{"first answer", measureStart},
	{"export", measureExport},
	{"flush", measureFlush},
}

// measureMemory takes a worker's memory before and after many connections' load.
func measureMemory(ctx context.Context, t *testbed) ([]fact, error) {
	p, err := t.start(ctx, side{label: "Prefab", settings: []string{"PREFORK=true", "WORKERS=2"}})
	if err != nil {
		return nil, err
	}
	defer p.stop()
	time.Sleep(t.options.length)
	idle := workerMiB(p.cmd.Process.Pid)
	hits := load{method: http.MethodGet, paths: t.hotProducts(), random: true, connections: 1000}
	if _, err := hits.send(ctx, p, t.dir, 0, t.options.length); err != nil {
		return nil, err
	}
	const most = 30
	return []fact{
		{"memory of a worker, idle", fmt.Sprintf("%.0f MiB", idle), fmt.Sprintf("< %d MiB", most), idle < most},
		{
			What:  "memory of a worker after stored responses to 1,000 connections",
			Value: fmt.Sprintf("%.0f MiB", workerMiB(p.cmd.Process.Pid)), Met: true,
		},
	}, nil
}

// measureStart takes the time from the process's start to the first product it gives.
func measureStart(ctx context.Context, t *testbed) ([]fact, error) {
	var times []float64
	for range max(t.options.rounds, 3) {
		begin := time.Now()
		p, err := t.start(ctx, side{label: "Prefab"})
		if err != nil {
			return nil, err
		}
		status, body, err := p.get(ctx, t.hotProducts()[0])
		times = append(times, float64(time.Since(begin).Milliseconds()))
		p.stop()
		if err != nil || status != http.StatusOK {
			return nil, errors.Join(err, fmt.Errorf("it answers %d: %s", status, body))
		}
	}
	const most = 150
	took := median(times)
	return []fact{{
		"from the process's start to the first product, one process, PostgreSQL and Redis running",
		fmt.Sprintf("%.0f ms", took), fmt.Sprintf("< %d ms", most), took < most,
	}}, nil
}

const copyProducts = `COPY (
	SELECT p.id, p.name, p.description, p.price_cents, p.active, c.id, c.name, coalesce(s.quantity, 0),
	       p.created_at, p.updated_at
	FROM products p JOIN categories c ON c.id = p.category_id LEFT JOIN stock s ON s.product_id = p.id
	ORDER BY p.id
) TO STDOUT (FORMAT csv)`

// measureExport sets the rows a second of an export against those of psql's COPY.
func measureExport(ctx context.Context, t *testbed) ([]fact, error) {
	p, err := t.start(ctx, side{label: "Prefab"})
	if err != nil {
		return nil, err
	}
	defer p.stop()
	if err := p.signIn(ctx); err != nil {
		return nil, err
	}
	var tools string
	if err := t.db.GetContext(ctx, &tools, "SELECT setting FROM pg_config() WHERE name = 'BINDIR'"); err != nil {
		return nil, err
	}
	copying := func(string) error {
		psql := filepath.Join(tools, "psql")
		cmd := exec.CommandContext(ctx, psql, "-X", "-c", copyProducts, t.servers.DatabaseURL) //nolint:gosec // our own
		cmd.Stderr = os.Stderr
		return cmd.Run()
	}
	exporting := func(format string) error {
		response, err := p.send(ctx, http.MethodGet, "/api/v1/products/export?format="+format, "")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return errors.New(response.Status)
		}
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}
	const least = 60
	var facts []fact
	for _, format := range []string{"csv", "ndjson"} {
		var shares, rates []float64
		for range t.options.rounds {
			var took [2]time.Duration
			for i, do := range []func(string) error{exporting, copying} {
				begin := time.Now()
				if err := do(format); err != nil {
					return nil, err
				}
				took[i] = time.Since(begin)
			}
			rates = append(rates, float64(t.options.products)/took[0].Seconds())
			shares = append(shares, 100*took[1].Seconds()/took[0].Seconds())
		}
		share := median(shares)
		facts = append(facts, fact{
			fmt.Sprintf("export as %s of %s products", format, thousands(float64(t.options.products))),
			fmt.Sprintf("%s rows/s, %.0f %% of psql's COPY as csv", thousands(median(rates)), share),
			fmt.Sprintf("≥ %d %%", least), share >= least,
		})
	}
	return facts, nil
}

// measureFlush lets writes wait behind a lock of the table, and takes the time that
// they need once it is gone.
func measureFlush(ctx context.Context, t *testbed) ([]fact, error) {
	var facts []fact
	for _, batch := range []string{"100", "5000"} {
		rate, rows, err := t.drain(ctx, batch)
		if err != nil {
			return nil, err
		}
		const least = 50_000
		facts = append(facts, fact{
			fmt.Sprintf("flush of write-behind, %s rows, WRITE_BEHIND_BATCH_SIZE=%s", thousands(rows), batch),
			thousands(rate) + " rows/s", "≥ " + thousands(least) + " rows/s", rate >= least,
		})
	}
	return facts, nil
}

func (t *testbed) drain(ctx context.Context, batch string) (rate, rows float64, err error) {
	settings := []string{"WRITE_BEHIND_INTERVAL=1s", "WRITE_BEHIND_BATCH_SIZE=" + batch}
	p, err := t.start(ctx, side{label: "Prefab", settings: settings})
	if err != nil {
		return 0, 0, err
	}
	defer p.stop()
	if err := p.signIn(ctx); err != nil {
		return 0, 0, err
	}
	lock, err := t.db.BeginTxx(ctx, nil)
	if err != nil {
		return 0, 0, err
	}
	defer lock.Rollback() //nolint:errcheck // all it does is to let go
	if _, err := lock.ExecContext(ctx, "LOCK TABLE stock IN SHARE MODE"); err != nil {
		return 0, 0, err
	}
	puts := load{method: http.MethodPut, paths: t.stocks(), connections: 64}
	if _, err := puts.send(ctx, p, t.dir, 0, 4*t.options.length); err != nil {
		return 0, 0, err
	}
	if rows, err = p.pending(ctx); err != nil {
		return 0, 0, err
	}
	if err := lock.Rollback(); err != nil {
		return 0, 0, err
	}
	// A flush that has given up on the lock begins again at its interval only: the
	// clock runs from the last moment at which all of them waited.
	var begin time.Time
	for left := rows; left > 0; time.Sleep(2 * time.Millisecond) {
		if left == rows {
			begin = time.Now()
		}
		if left, err = p.pending(ctx); err != nil {
			return 0, 0, err
		}
	}
	return rows / time.Since(begin).Seconds(), rows, nil
}
