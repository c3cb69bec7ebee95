package migrations

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

// wait is what a process that migrates may wait for.
type wait struct {
	locked  atomic.Bool  // it holds the lock on migrations
	session atomic.Int64 // that migrates: the pid of its PostgreSQL process, 0 before
}

type locker struct {
	lock.Locker
	wait *wait
}

// Lock is part of lock.Locker.
func (l locker) Lock(ctx context.Context, db *sql.DB) error {
	err := l.Locker.Lock(ctx, db)
	l.wait.locked.Store(err == nil)
	return err
}

func (w *wait) migrates(ctx context.Context, db database.DBTxConn) error {
	if !w.locked.Load() {
		return nil
	}
	var pid int64
	if err := db.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		return fmt.Errorf("ask for the session's number: %w", err)
	}
	w.session.Store(pid)
	return nil
}

// run migrates, and says so where that waits for somebody: at once in the log, and
// in the error once Patience has ended.
func (m migrator) run(ctx context.Context, migrate func(context.Context) error) error {
	ctx, giveUp := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.watch(ctx, giveUp)
	}()
	err := migrate(ctx)
	cause := context.Cause(ctx)
	giveUp(nil)
	<-ended
	if waited, ok := errors.AsType[*waitError](cause); ok && err != nil {
		return waited
	}
	return err
}

type waitError struct {
	patience time.Duration
	on       string
}

func (e *waitError) Error() string {
	return fmt.Sprintf("gave up after %s of waiting for %s", e.patience, e.on)
}

func (m migrator) watch(ctx context.Context, giveUp context.CancelCauseFunc) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	since, said := time.Now(), ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		on, bounded := m.waitsOn(ctx)
		if on != said {
			since, said = time.Now(), on
			if on != "" {
				m.Log.Warn("the migration waits for "+on, "at_most", m.Patience)
			}
		}
		if bounded && on != "" && time.Since(since) >= m.Patience {
			giveUp(&waitError{m.Patience, on})
			return
		}
	}
}

const (
	lockHolder = `-- name: migrations.lock_holder
SELECT locked_by, locked_at FROM goose_lock WHERE locked`

	// A virtualxid is what CREATE INDEX CONCURRENTLY waits for: to give up there would
	// leave a broken index.
	blockingSession = `-- name: migrations.blocking_session
SELECT COALESCE(l.relation::regclass::text, l.locktype), COALESCE(b.pid, 0),
       concat_ws(' ', b.usename, b.application_name, host(b.client_addr)),
       l.locktype <> 'virtualxid'
FROM pg_locks l LEFT JOIN pg_stat_activity b ON b.pid = ANY (pg_blocking_pids(l.pid))
WHERE l.pid = $1 AND NOT l.granted ORDER BY b.pid LIMIT 1`
)

// waitsOn tells for what the migration waits, or nothing, and whether Patience bounds it.
func (m migrator) waitsOn(ctx context.Context) (on string, bounded bool) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if !m.wait.locked.Load() {
		var holder string
		var since time.Time
		if err := m.db.QueryRowContext(ctx, lockHolder).Scan(&holder, &since); err != nil {
			return "the lock in the table goose_lock", true
		}
		return fmt.Sprintf("the lock in the table goose_lock, which the process %s took at %s; "+
			"if that has died, the lock is free within %s", holder, since.UTC().Format(time.RFC3339), lease), true
	}
	var what, who string
	var pid int64
	err := m.db.QueryRowContext(ctx, blockingSession, m.wait.session.Load()).Scan(&what, &pid, &who, &bounded)
	if err != nil {
		return "", false
	}
	return fmt.Sprintf("a lock on %s, which session %d of PostgreSQL holds (%s); "+
		"SELECT pg_terminate_backend(%d) ends that", what, pid, who, pid), bounded
}
