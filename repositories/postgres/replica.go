package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/services/tracing"
)

const (
	maxReplicaLag  = 10 * time.Second // of a replica that is read
	replicaTimeout = 2 * time.Second  // to connect to the replica and to ask for its lag
)

// Replica is a PostgreSQL that follows the primary by streaming replication. It is for
// reads that are long and rare. Never fill a cache from it.
type Replica struct {
	db     *sqlx.DB
	log    *slog.Logger
	maxLag time.Duration
}

// NewReplica returns the replica behind db, or nil, which means no replica, for nil.
func NewReplica(db *sqlx.DB, log *slog.Logger) *Replica {
	if db == nil {
		return nil
	}
	return &Replica{db, log, maxReplicaLag}
}

// StreamReplica is [Stream] from the replica, whose rows may be up to maxReplicaLag old.
// The rows come from the primary, db, where the replica is nil, lags more, or fails
// before the first row, and for a caller who has written within the last seconds.
func StreamReplica[T any](
	ctx context.Context, db *sqlx.DB, replica *Replica, doing, query string, args ...any,
) iter.Seq2[T, error] {
	if replica == nil || tracing.From(ctx).ReadsFresh() {
		return Stream[T](ctx, db, doing, query, args...)
	}
	return func(yield func(T, error) bool) {
		started, err := streamFrom(ctx, replica, doing, query, args, yield)
		if started || err == nil {
			return
		}
		if ctx.Err() == nil {
			replica.log.WarnContext(ctx, "the primary is read in place of the replica", "error", err)
		}
		Stream[T](ctx, db, doing, query, args...)(yield)
	}
}

// streamFrom returns an error only where nothing has been yielded.
func streamFrom[T any](
	ctx context.Context, replica *Replica, doing, query string, args []any, yield func(T, error) bool,
) (started bool, err error) {
	conn, err := replica.connect(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	for row, err := range Stream[T](ctx, conn, doing, query, args...) {
		if err != nil && !started {
			return false, err
		}
		started = true
		if !yield(row, err) {
			break
		}
	}
	return started, nil
}

// All that was received has been replayed: no lag. Without a connection to the primary
// that says nothing, and where some is still to be replayed, the last commit is the measure.
const replicaLag = `-- name: replica.lag
SELECT CASE WHEN EXISTS (SELECT FROM pg_stat_wal_receiver)
             AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
            ELSE extract(epoch FROM now() - pg_last_xact_replay_timestamp()) END::float8
WHERE pg_is_in_recovery()`

// connect returns a connection to a replica whose lag is small enough. It is one
// connection, since the address may stand for several servers.
func (r *Replica) connect(ctx context.Context) (*sqlx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, replicaTimeout)
	defer cancel()
	conn, err := r.db.Connx(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the replica: %w", err)
	}
	var lag *float64 // in seconds; NULL: nothing was replayed yet
	err = conn.GetContext(ctx, &lag, replicaLag)
	switch {
	case err != nil:
		err = fmt.Errorf("read the replica's lag: %w", err) // no row: that server is no replica
	case lag == nil:
		err = errors.New("the replica's lag is unknown")
	case *lag > r.maxLag.Seconds():
		err = fmt.Errorf("the replica is %.0f s behind, and at most %s are accepted", *lag, r.maxLag)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}
