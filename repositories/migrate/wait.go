package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

// progress is how far a migration has come.
type progress struct {
	locked  atomic.Bool  // this process holds the lock on migrations
	session atomic.Int64 // the pid of the PostgreSQL session that migrates, 0 before
}

type locker struct {
	lock.Locker
	progress *progress
}

// Lock is part of lock.Locker.
func (l locker) Lock(ctx context.Context, db *sql.DB) error {
	err := l.Locker.Lock(ctx, db)
	l.progress.locked.Store(err == nil)
	return err
}

func (p *progress) setSession(ctx context.Context, db database.DBTxConn) error {
	if !p.locked.Load() {
		return nil
	}
	var pid int64
	if err := db.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		return fmt.Errorf("read the session's pid: %w", err)
	}
	p.session.Store(pid)
	return nil
}

// run calls migrate. While migrate waits for somebody, run logs for whom; after
// Options.Timeout it cancels migrate, and its error says for whom.
func (m migrator) run(ctx context.Context, migrate func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		m.watch(ctx, cancel)
	}()
	err := migrate(ctx)
	cause := context.Cause(ctx)
	cancel(nil)
	<-watched
	if timeout, ok := errors.AsType[*timeoutError](cause); ok && err != nil {
		return timeout
	}
	return err
}

type timeoutError struct {
	timeout time.Duration
	reason  string
}

func (e *timeoutError) Error() string {
	return fmt.Sprintf("gave up after %s of waiting for %s", e.timeout, e.reason)
}

func (m migrator) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	since, logged := time.Now(), ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		reason, bounded := m.waitsFor(ctx)
		if reason != logged {
			since, logged = time.Now(), reason
			if reason != "" {
				m.Log.Warn("the migration waits for "+reason, "at_most", m.Timeout)
			}
		}
		if bounded && reason != "" && time.Since(since) >= m.Timeout {
			cancel(&timeoutError{m.Timeout, reason})
			return
		}
	}
}

const (
	lockHolder = `-- name: migrations.lock_holder
SELECT locked_by, locked_at FROM goose_lock WHERE locked`

	// CREATE INDEX CONCURRENTLY waits for a virtualxid: to cancel it then would leave
	// an invalid index.
	blockingSession = `-- name: migrations.blocking_session
SELECT COALESCE(l.relation::regclass::text, l.locktype), COALESCE(b.pid, 0),
       concat_ws(' ', b.usename, b.application_name, host(b.client_addr)),
       l.locktype <> 'virtualxid'
FROM pg_locks l LEFT JOIN pg_stat_activity b ON b.pid = ANY (pg_blocking_pids(l.pid))
WHERE l.pid = $1 AND NOT l.granted ORDER BY b.pid LIMIT 1`
)

// waitsFor returns what the migration waits for, empty for nothing, and whether
// Options.Timeout bounds this wait.
func (m migrator) waitsFor(ctx context.Context) (reason string, bounded bool) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if !m.progress.locked.Load() {
		var holder string
		var since time.Time
		if err := m.db.QueryRowContext(ctx, lockHolder).Scan(&holder, &since); err != nil {
			return "the lock in the table goose_lock", true
		}
		return fmt.Sprintf("the lock in the table goose_lock, which the process %s took at %s; "+
			"if that process has died, the lock is free within %s", holder, since.UTC().Format(time.RFC3339), lease), true
	}
	var object, holder string
	var pid int64
	err := m.db.QueryRowContext(ctx, blockingSession, m.progress.session.Load()).Scan(&object, &pid, &holder, &bounded)
	if err != nil {
		return "", false
	}
	return fmt.Sprintf("a lock on %s, which session %d of PostgreSQL holds (%s); "+
		"SELECT pg_terminate_backend(%d) ends that session", object, pid, holder, pid), bounded
}
