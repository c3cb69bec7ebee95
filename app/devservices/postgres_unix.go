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
	"strings"
	"syscall"
	"time"

	"github.com/lib/pq"
)

const (
	superuser    = "prefab"
	databaseName = "prefab"
)

type postgres struct {
	layout     layout
	programs   []string
	disposable bool
	log        *slog.Logger
}

func (d *postgres) name() string { return "postgres" }

// stopSignal asks for a fast shutdown, which drops the clients.
func (d *postgres) stopSignal() syscall.Signal { return syscall.SIGINT }

// url spells out what ~/.pgpass could change, and suits psql too.
func (d *postgres) url(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/" + database}
	query := url.Values{
		"host": {d.layout.run}, "port": {"5432"}, "sslmode": {"disable"},
		"passfile": {"/nonexistent"}, // lib/pq warns of a ~/.pgpass that others can read
	}
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // psql does not take + for a space
	return u.String()
}

func (d *postgres) prepare(ctx context.Context, pidLock *os.File) ([]string, error) {
	data := d.layout.path("postgres")
	programs, err := findPostgres(d.programs, data)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(data); errors.Is(err, fs.ErrNotExist) {
		if err := d.initialise(ctx, pidLock, programs, data); err != nil {
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
	argv := []string{filepath.Join(programs, "postgres"), "-D", data}
	for _, setting := range d.settings() {
		argv = append(argv, "-c", setting)
	}
	return argv, nil
}

// initialise makes the data folder under another name until it is whole, so that one cut
// off half-way does not leave a folder that no server can start from.
func (d *postgres) initialise(ctx context.Context, pidLock *os.File, programs, data string) error {
	d.log.Info("making this checkout's PostgreSQL data, once", "folder", data)
	fresh, template := data+".new", templateOf(programs)
	args := []string{"-D", fresh, "-U", superuser, "--auth=trust", "--encoding=UTF8"}
	if d.disposable {
		if d.unpack(ctx, pidLock, template, fresh) == nil {
			return os.Rename(fresh, data)
		}
		args = append(args, "--no-sync", "--wal-segsize=1")
	}
	var err error
	// Plain C knows no letters beyond ASCII, but exists everywhere.
	for _, locale := range []string{"C.UTF-8", "C"} {
		if err := os.RemoveAll(fresh); err != nil {
			return fmt.Errorf("remove unfinished data: %w", err)
		}
		initdb := d.command(ctx, pidLock, filepath.Join(programs, "initdb"), append(args, "--locale="+locale)...)
		var out []byte
		if out, err = initdb.CombinedOutput(); err == nil {
			break
		}
		err = fmt.Errorf("initdb: %w:\n%s", err, strings.TrimSpace(string(out)))
	}
	if err != nil {
		return err
	}
	if d.disposable {
		pack(fresh, template)
	}
	return os.Rename(fresh, data)
}

// command is run as the account. The next start waits for it as for a server.
func (d *postgres) command(ctx context.Context, pidLock *os.File, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = d.layout.dir, serverEnvironment(), d.layout.who.attr()
	cmd.ExtraFiles = []*os.File{pidLock}
	return cmd
}

// templateOf names the file with what initdb of these programs has made for tests. To unpack it
// takes a tenth of initdb's time. One file, so that it is there as a whole or not at all.
func templateOf(programs string) string {
	var changed time.Time
	if info, err := os.Stat(filepath.Join(programs, "postgres")); err == nil {
		changed = info.ModTime()
	}
	return fmt.Sprintf("/tmp/prefab-initdb-%d-%s.tar", os.Geteuid(), digest(fmt.Sprint(programs, changed)))
}

func pack(data, template string) {
	f, err := os.CreateTemp(filepath.Dir(template), filepath.Base(template))
	if err != nil {
		return // and so does the next start
	}
	defer func() { _ = f.Close() }()
	cmd := exec.Command("tar", "-cf", "-", "-C", data, ".")
	cmd.Stdout = f
	if cmd.Run() != nil || os.Rename(f.Name(), template) != nil {
		_ = os.Remove(f.Name())
	}
}

func (d *postgres) unpack(ctx context.Context, pidLock *os.File, template, data string) error {
	f, err := os.OpenFile(template, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) {
		return errors.New("the file is somebody else's")
	}
	if err := errors.Join(os.RemoveAll(data), d.layout.makePrivate(data)); err != nil {
		return err
	}
	cmd := d.command(ctx, pidLock, "tar", "-xf", "-", "-C", data)
	cmd.Stdin = f
	return cmd.Run()
}

// settings make a small server for one developer: sockets only, little memory.
func (d *postgres) settings() []string {
	settings := []string{
		"listen_addresses=",
		"port=5432",
		"unix_socket_directories=" + d.layout.run,
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

// answers makes a connection to the database, and the database if need be. Where
// another process is faster, the next call finds it.
func (d *postgres) answers(ctx context.Context) error {
	err := execute(ctx, d.url(databaseName), "SELECT 1")
	if e, ok := errors.AsType[*pq.Error](err); ok && e.Code == "3D000" { // invalid_catalog_name
		return execute(ctx, d.url("postgres"), "CREATE DATABASE "+databaseName)
	}
	return err
}

func execute(ctx context.Context, url, statement string) error {
	db, err := sql.Open("postgres", url)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(ctx, statement)
	return err
}
