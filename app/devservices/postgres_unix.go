//go:build unix

package devservices

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/lib/pq"
)

const (
	superuser  = "prefab"
	noPassfile = "/nonexistent" // lib/pq warns of a ~/.pgpass that others can read
)

type postgres struct {
	layout     layout
	search     *searchPath
	database   string
	disposable bool
	log        *slog.Logger
}

func (d *postgres) name() string { return "postgres" }

// Fast shutdown drops the clients, immediate shutdown recovers at the next start.
func (d *postgres) stopSignals() []stopSignal {
	return []stopSignal{
		{syscall.SIGINT, 10 * time.Second}, {syscall.SIGQUIT, 3 * time.Second}, {syscall.SIGKILL, 5 * time.Second},
	}
}

// url spells out what the user's environment and ~/.pgpass could change, and suits psql too.
func (d *postgres) url() string {
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/" + d.database, RawQuery: url.Values{
		"host": {d.layout.run}, "port": {"5432"}, "sslmode": {"disable"}, "passfile": {noPassfile},
	}.Encode()}
	return u.String()
}

func (d *postgres) prepare(ctx context.Context, pidLock *os.File) ([]string, error) {
	data := d.layout.path("postgres")
	found, err := d.search.postgres(data)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(data); errors.Is(err, fs.ErrNotExist) {
		if err := d.initialise(ctx, pidLock, found.dir, data); err != nil {
			return nil, err
		}
	}
	// A kill -9 leaves these, and the server would not start if the process id in
	// them has been given to somebody else since. We hold the lock, so none runs.
	for _, stale := range []string{
		filepath.Join(data, "postmaster.pid"), filepath.Join(d.layout.run, postgresSocket+".lock"),
	} {
		if err := os.Remove(stale); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("remove stale file: %w", err)
		}
	}
	argv := []string{filepath.Join(found.dir, "postgres"), "-D", data}
	for _, setting := range d.settings() {
		argv = append(argv, "-c", setting)
	}
	return argv, nil
}

// initialise works in another folder and renames it when whole, so that one cut
// off half-way does not leave a folder that no server can start from.
func (d *postgres) initialise(ctx context.Context, pidLock *os.File, bin, data string) error {
	runtime.LockOSThread() // see [process.fork]
	defer runtime.UnlockOSThread()
	d.log.Info("making this checkout's PostgreSQL data, once", "folder", data)
	fresh := data + ".new"
	var err error
	// Plain C knows no letters beyond ASCII, but exists everywhere.
	for _, locale := range []string{"C.UTF-8", "C"} {
		if err = os.RemoveAll(fresh); err != nil {
			return fmt.Errorf("remove unfinished data: %w", err)
		}
		args := []string{"-D", fresh, "-U", superuser, "--auth=trust", "--encoding=UTF8", "--locale=" + locale}
		if d.disposable {
			args = append(args, "--no-sync")
		}
		cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), args...)
		cmd.Dir, cmd.Env, cmd.SysProcAttr = d.layout.dir, serverEnvironment(), d.layout.who.attr()
		cmd.ExtraFiles = []*os.File{pidLock} // the next start waits for it as for a server
		endWithParent(cmd.SysProcAttr, syscall.SIGTERM)
		var out []byte
		if out, err = cmd.CombinedOutput(); err == nil {
			break
		}
		err = fmt.Errorf("initdb: %w:\n%s", err, strings.TrimSpace(string(out)))
		if ctx.Err() != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	if err := os.Rename(fresh, data); err != nil {
		return fmt.Errorf("put the new data in place: %w", err)
	}
	return nil
}

// settings make a small server for one developer: sockets only, little memory.
func (d *postgres) settings() []string {
	settings := []string{
		"listen_addresses=",
		"port=5432",
		`unix_socket_directories="` + strings.ReplaceAll(d.layout.run, `"`, `""`) + `"`,
		"unix_socket_permissions=0700",
		"max_connections=100",
		"shared_buffers=32MB",
		"max_wal_size=256MB",
		"timezone=UTC",
		"log_timezone=UTC",
		"logging_collector=off",
		"log_destination=stderr",
	}
	if d.disposable { // which a test may have followed by a replica
		return append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off",
			"wal_level=replica", "wal_keep_size=64MB")
	}
	return append(settings, "wal_level=minimal", "max_wal_senders=0")
}

// answers makes a connection to the database, and the database if need be.
func (d *postgres) answers(ctx context.Context) error {
	err := d.exec(ctx, d.database, "SELECT 1")
	if sqlState(err) != "3D000" { // invalid_catalog_name
		return err
	}
	err = d.exec(ctx, "postgres", "CREATE DATABASE "+pq.QuoteIdentifier(d.database))
	if state := sqlState(err); state == "42P04" || state == "23505" { // another process was faster
		return nil
	}
	return err
}

func (d *postgres) exec(ctx context.Context, database, statement string) error {
	// Not from the URL: that way lib/pq would read the environment as well.
	connector, err := pq.NewConnectorConfig(pq.Config{
		Host: d.layout.run, Port: 5432, User: superuser, Database: database,
		SSLMode: pq.SSLModeDisable, ConnectTimeout: 5 * time.Second, Passfile: noPassfile,
		ClientEncoding: "UTF8", Datestyle: "ISO, MDY",
	})
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(ctx, statement)
	return err
}

func sqlState(err error) string {
	if e, ok := errors.AsType[*pq.Error](err); ok {
		return string(e.Code)
	}
	return ""
}
