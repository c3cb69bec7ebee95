package app_test

import (
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/services"
	"example.com/prefab/services/export"
	"example.com/prefab/services/passwords"
)

// BenchmarkExport takes exports from a server process, over the network, and in
// turns with each a plain loop over lib/pq that reads and encodes the same columns
// and sends them nowhere. The ratio is of their rows a second: above 1 is faster.
func BenchmarkExport(b *testing.B) {
	const products, turns = 100_000, 5
	e := newExportBench(b, products)
	for _, format := range export.Formats {
		b.Run(string(format), func(b *testing.B) {
			var ours, bare, ratios []float64
			for b.Loop() {
				for range turns {
					one, other := e.rate(b, func() error { return e.export(format) }), e.rate(b, func() error { return e.bare(format) })
					ours, bare, ratios = append(ours, one), append(bare, other), append(ratios, one/other)
				}
			}
			b.ReportMetric(median(ours), "rows/s")
			b.ReportMetric(median(bare), "rows/s-bare")
			b.ReportMetric(median(ratios), "export/bare")
			b.ReportMetric(0, "ns/op")
		})
	}
}

type exportBench struct {
	server   benchProcess
	client   http.Client
	products int
	db       *sql.DB // bare
}

func newExportBench(tb testing.TB, products int) *exportBench {
	tb.Helper()
	url := devtest.Database(tb)
	db := openDB(tb, url)
	users := services.NewUsers(repositories.NewUsers(db), nil, passwords.NewHasher(1))
	admin := services.User{Email: "ada" + emailDomain, Name: "Ada", Role: services.Admin}
	if _, err := users.Add(tb.Context(), admin, password); err != nil {
		tb.Fatal(err)
	}
	for _, query := range []string{
		"INSERT INTO categories (name) SELECT 'Category ' || n FROM generate_series(1, 50) n",
		`INSERT INTO products (name, description, price_cents, category_id, active, created_at, updated_at)
			SELECT 'Lamp No. ' || n, 'A bright "lamp", number ' || n || ', of brass and glass, made to last.', n, 1 + n % 50,
				n % 30 <> 0, timestamptz '2025-01-01Z' + n * interval '13.1 s', timestamptz '2026-01-01Z' + n * interval '1.7 s'
			FROM generate_series(1, ` + strconv.Itoa(products) + ") n",
		"INSERT INTO stock (product_id, quantity) SELECT id, id % 1000 FROM products WHERE id % 5 <> 0",
		"VACUUM ANALYZE",
	} {
		if _, err := db.ExecContext(tb.Context(), query); err != nil {
			tb.Fatal(err)
		}
	}
	e := &exportBench{server: serveBench(tb, "prefab", "DATABASE_URL="+url, "REDIS_URL="+devtest.Redis(tb)), products: products}
	e.client.Jar, _ = cookiejar.New(nil)
	response, err := e.client.Post("http://"+e.server.address+"/api/v1/session", "application/json",
		strings.NewReader(`{"email":"`+admin.Email+`","password":"`+password+`"}`))
	if err != nil {
		tb.Fatal(err)
	}
	_ = response.Body.Close()
	if e.db, err = sql.Open("postgres", url); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = e.db.Close() })
	return e
}

func (e *exportBench) rate(tb testing.TB, run func() error) float64 {
	tb.Helper()
	start := time.Now()
	if err := run(); err != nil {
		tb.Fatal(err)
	}
	return float64(e.products) / time.Since(start).Seconds()
}

func (e *exportBench) export(format export.Format) error {
	response, err := e.client.Get("http://" + e.server.address + exportPath + string(format))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return io.ErrUnexpectedEOF
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

func (e *exportBench) bare(format export.Format) error {
	rows, err := e.db.Query(`SELECT p.id, p.name, p.description, p.price_cents, p.active, c.id, c.name,
			coalesce(s.quantity, 0), p.created_at, p.updated_at
		FROM products p JOIN categories c ON c.id = p.category_id LEFT JOIN stock s ON s.product_id = p.id ORDER BY p.id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	objects, records := json.NewEncoder(io.Discard), csv.NewWriter(io.Discard)
	cells := make([]string, 10)
	var p services.ExportedProduct
	for rows.Next() {
		if err := rows.Scan(&p.ID, &p.Name, &p.Description, &p.PriceCents, &p.Active, &p.Category.ID, &p.Category.Name,
			&p.Stock, &p.CreatedAt, &p.UpdatedAt); err != nil {
			return err
		}
		if format != export.CSV {
			err = objects.Encode(&p)
		} else {
			cells[0], cells[1], cells[2] = strconv.FormatInt(p.ID, 10), p.Name, p.Description
			cells[3], cells[4] = strconv.FormatInt(p.PriceCents, 10), strconv.FormatBool(p.Active)
			cells[5], cells[6] = strconv.FormatInt(p.Category.ID, 10), p.Category.Name
			cells[7] = strconv.FormatInt(p.Stock, 10)
			cells[8], cells[9] = p.CreatedAt.Format(time.RFC3339Nano), p.UpdatedAt.Format(time.RFC3339Nano)
			err = records.Write(cells)
		}
		if err != nil {
			return err
		}
	}
	records.Flush()
	return rows.Err()
}
