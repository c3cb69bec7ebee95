package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	_ "github.com/lib/pq" // the driver
	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices"
	"example.com/prefab/bench/references"
	"example.com/prefab/repositories"
)

// testbed is what every measurement needs: Prefab's binary, and a PostgreSQL and a
// Redis of its own with a catalogue.
type testbed struct {
	options  options
	dir      string // temporary
	binary   string
	servers  *devservices.Services
	db       *sqlx.DB
	client   *redis.Client
	products []productRow // the visible ones, newest first
}

type productRow struct {
	ID      int64     `db:"id"`
	Created time.Time `db:"created_at"`
}

const (
	adminEmail    = "bench@prefab.example"
	adminPassword = "bench-admin-password"
)

func newTestbed(ctx context.Context, o options) (*testbed, error) {
	// In /tmp, since sockets have short paths. As root, PostgreSQL runs as another
	// user, who has to pass through.
	dir, err := os.MkdirTemp("/tmp", "prefab-bench-")
	if err != nil {
		return nil, err
	}
	t := &testbed{options: o, dir: dir, binary: filepath.Join(dir, "prefab")}
	for _, step := range []func(context.Context) error{t.build, t.startServers, t.fill} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, t.close())
		}
	}
	return t, nil
}

func (t *testbed) build(ctx context.Context) error {
	if err := os.Chmod(t.dir, 0o711); err != nil { //nolint:gosec // see above
		return err
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", t.binary, ".") //nolint:gosec // our own
	build.Dir, build.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build Prefab: %w: %s", err, out)
	}
	return nil
}

// startServers starts them as Prefab's embedded ones, which keep what they have
// confirmed: PostgreSQL syncs each commit, Redis its log every second.
func (t *testbed) startServers(ctx context.Context) (err error) {
	t.servers, err = devservices.Start(ctx, devservices.Options{Dir: t.dir, NeedPostgres: true, NeedRedis: true})
	if err != nil {
		return err
	}
	if len(t.servers.PIDs()) < 2 {
		return errors.New("there is no redis-server, and an imitation says nothing about one")
	}
	options, err := redis.ParseURL(t.servers.RedisURL)
	if err != nil {
		return err
	}
	t.client = redis.NewClient(options)
	t.db, err = sqlx.Open("postgres", t.servers.DatabaseURL)
	return err
}

func (t *testbed) fill(ctx context.Context) error {
	if err := t.command(ctx, "", "migrate", "up"); err != nil {
		return err
	}
	if err := repositories.Seed(ctx, t.db, repositories.SeedOptions{Products: t.options.products}); err != nil {
		return err
	}
	err := t.command(ctx, adminPassword, "user", "add", "--email", adminEmail, "--name", "Bench", "--role", "admin")
	if err != nil {
		return err
	}
	if _, err := t.db.ExecContext(ctx, "VACUUM ANALYZE"); err != nil {
		return err
	}
	return t.db.SelectContext(ctx, &t.products,
		"SELECT id, created_at FROM products WHERE active ORDER BY created_at DESC, id DESC")
}

// command runs a command of Prefab to its end.
func (t *testbed) command(ctx context.Context, input string, args ...string) error {
	cmd := exec.CommandContext(ctx, t.binary, args...) //nolint:gosec // our own
	cmd.Dir, cmd.Env, cmd.Stdin = t.dir, t.environment(), strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("prefab %s: %w: %s", args[0], err, out)
	}
	return nil
}

// environment is production's, and nothing of the user's.
func (t *testbed) environment() []string {
	settings := []string{
		"APP_ENV=production", "PREFORK=false", "ADMIN_ADDR=", "PATH=" + os.Getenv("PATH"),
		"DATABASE_URL=" + t.servers.DatabaseURL, "REDIS_URL=" + t.servers.RedisURL,
	}
	if t.options.smoke { // which has to wait for each flush
		settings = append(settings, "WRITE_BEHIND_INTERVAL=1s")
	}
	return settings
}

// storesCPU is what PostgreSQL and Redis have used.
func (t *testbed) storesCPU() float64 {
	pids := t.servers.PIDs()
	return cpuSeconds(pids[0]) + cpuSeconds(pids[1])
}

func (t *testbed) close() error {
	var errs []error
	if t.db != nil {
		errs = append(errs, t.db.Close(), t.client.Close())
	}
	if t.servers != nil {
		t.servers.Stop()
	}
	return errors.Join(append(errs, os.RemoveAll(t.dir))...)
}

// warmProducts is how many products warm a server whose others are to stay cold.
const warmProducts = 500

func productPath(p productRow) string { return fmt.Sprintf("/api/v1/products/%d", p.ID) }

func paths(products []productRow, path func(productRow) string) []string {
	list := make([]string, len(products))
	for i, p := range products {
		list[i] = path(p)
	}
	return list
}

// hotProducts are those that the map has, too.
func (t *testbed) hotProducts() []string {
	return paths(t.products[:references.HotProducts], productPath)
}

func (t *testbed) allProducts() []string { return paths(t.products, productPath) }

func (t *testbed) stocks() []string { return paths(t.products, stockPath) }

func (t *testbed) hotStocks() []string { return paths(t.products[:references.HotProducts], stockPath) }

func stockPath(p productRow) string { return productPath(p) + "/stock" }

// lists are pages of 50, each after another product, so that no two are the same.
func (t *testbed) lists() []string {
	const limit = 50
	return paths(t.products[:len(t.products)-limit], func(p productRow) string {
		return fmt.Sprintf("/api/v1/products?limit=%d&after=%s", limit, references.Cursor(p.Created, p.ID))
	})
}
