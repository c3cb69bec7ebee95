package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
)

const (
	replicaPatience = 2 * time.Second // for a replica that is behind, or hangs
	replicaPoll     = 20 * time.Millisecond
	replicaRest     = 2 * time.Second // after a failure, so that not every read waits for it
)

// Replica is a PostgreSQL that follows the primary by streaming replication, for
// reads that are long and few. What fills a cache does not belong there.
type Replica struct {
	db    *sqlx.DB
	log   *slog.Logger
	rests atomic.Pointer[time.Time] // until when it is not asked; nil while it is well
}

// NewReplica returns the replica that db leads to: nil, which is none, for nil.
func NewReplica(db *sqlx.DB, log *slog.Logger) *Replica {
	if db == nil {
		return nil
	}
	return &Replica{db: db, log: log}
}

// StreamReplica is [Stream] from the replica, once that has all that the primary
// db has by now: a read sees every write that came before it. Where the replica
// is too far behind, is away or fails before the first row, the rows come from db.
// So they do where there is none, which is nil.
func StreamReplica[T any](
	ctx context.Context, db *sqlx.DB, replica *Replica, doing, query string, args ...any,
) iter.Seq2[T, error] {
	if replica == nil {
		return Stream[T](ctx, db, doing, query, args...)
	}
	return func(yield func(T, error) bool) {
		if streamCaughtUp(ctx, db, replica, doing, query, args, yield) {
			return
		}
		Stream[T](ctx, db, doing, query, args...)(yield)
	}
}

// streamCaughtUp reports whether the replica has given rows, be it none, and not
// just an error.
func streamCaughtUp[T any](
	ctx context.Context, db *sqlx.DB, replica *Replica, doing, query string, args []any, yield func(T, error) bool,
) bool {
	read, err := replica.catchUp(ctx, db)
	if err != nil {
		replica.fail(ctx, err)
		return false
	}
	defer read.end()
	begun := false
	for row, err := range Stream[T](read.ctx, read.tx, doing, query, args...) {
		if err != nil && !begun {
			replica.fail(ctx, err)
			return false
		}
		begun = true
		if !yield(row, err) {
			break
		}
	}
	return true
}

// replicaRead is a transaction on the replica.
type replicaRead struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	tx     *sqlx.Tx
}

func (r replicaRead) end() {
	if r.tx != nil {
		_ = r.tx.Rollback()
		r.cancel(nil)
	}
}

var (
	errReplicaRests = errors.New("the replica was away a moment ago")
	errReplicaSlow  = fmt.Errorf("the replica has not caught up within %s", replicaPatience)
	errNoReplica    = errors.New("that server does not follow the primary")
	errNoProgress   = errors.New("the primary does not say how far it is")
)

// catchUp begins a transaction that sees all that is committed on the primary. It
// is one transaction, since a replica's address may stand for several servers.
func (r *Replica) catchUp(ctx context.Context, primary *sqlx.DB) (replicaRead, error) {
	if until := r.rests.Load(); until != nil && time.Now().Before(*until) {
		return replicaRead{}, errReplicaRests
	}
	ctx, cancel := context.WithCancelCause(ctx)
	impatience := time.AfterFunc(replicaPatience, func() { cancel(errReplicaSlow) })
	read, err := r.begin(ctx, cancel, primary)
	if punctual := impatience.Stop(); !punctual {
		err = errReplicaSlow
	}
	if err != nil {
		read.end()
		cancel(nil)
		return replicaRead{}, err
	}
	if r.rests.Swap(nil) != nil {
		r.log.InfoContext(ctx, "the replica is read again")
	}
	return read, nil
}

func (r *Replica) begin(
	ctx context.Context, cancel context.CancelCauseFunc, primary *sqlx.DB,
) (replicaRead, error) {
	var has progress
	if err := primary.GetContext(ctx, &has, primaryProgress); err != nil {
		return replicaRead{}, fmt.Errorf("%w: %w", errNoProgress, err)
	}
	tx, err := r.db.BeginTxx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return replicaRead{}, fmt.Errorf("ask the replica: %w", err)
	}
	return replicaRead{ctx: ctx, cancel: cancel, tx: tx}, awaitProgress(ctx, tx, has)
}

// progress is how far a server's write-ahead log goes, in bytes, and whose log it is.
type progress struct {
	Position int64
	System   string
	Timeline string
}

const (
	// The position of what is inserted, since with synchronous_commit off what is
	// committed need not have been written. Right behind a page's header nothing
	// has been inserted yet: a replica stands at the page's begin then.
	primaryProgress = `-- name: replica.primary
SELECT at - CASE WHEN at % page <= 40 THEN at % page ELSE 0 END AS position, system, timeline
FROM (
	SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint AS at,
	       current_setting('wal_block_size')::bigint AS page, system_identifier::text AS system,
	       substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) AS timeline
	FROM pg_control_system()
) AS log`

	// The timeline is that of the last restart point: after a failover the replica is
	// left alone until there is one.
	replicaProgress = `-- name: replica.progress
SELECT pg_is_in_recovery() AND system_identifier::text = $2
       AND upper(lpad(to_hex(timeline_id), 8, '0')) = $3 AS follows,
       coalesce(pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0') >= $1::bigint, false) AS caught_up
FROM pg_control_system(), pg_control_checkpoint()`
)

func awaitProgress(ctx context.Context, tx *sqlx.Tx, has progress) error {
	for {
		var now struct{ Follows, CaughtUp bool }
		if err := tx.GetContext(ctx, &now, replicaProgress, has.Position, has.System, has.Timeline); err != nil {
			return fmt.Errorf("ask the replica how far it is: %w", err)
		}
		switch {
		case !now.Follows:
			return errNoReplica
		case now.CaughtUp:
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(replicaPoll):
		}
	}
}

// fail lets the replica rest, unless it is the reader who has gone, or the
// primary that is away.
func (r *Replica) fail(ctx context.Context, err error) {
	if ctx.Err() != nil || errors.Is(err, errReplicaRests) || errors.Is(err, errNoProgress) && IsTransient(err) {
		return
	}
	if r.rests.Swap(new(time.Now().Add(replicaRest))) == nil {
		r.log.WarnContext(ctx, "the primary is read in the place of the replica", "error", err)
	}
}
