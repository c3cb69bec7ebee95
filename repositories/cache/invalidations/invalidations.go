// Package invalidations keeps in PostgreSQL, for a while, what processes have changed
// that cannot reach Redis. All other processes poll it. It is the cache's second way to
// publish invalidations.
//
//	records := invalidations.New(db)
//	values := cache.New(cache.Options{Client: client, Record: records.Record, Recorded: records.Recorded, …})
package invalidations

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/repositories/postgres"
)

// Store is the table cache_invalidations, which a migration makes.
type Store struct{ db *sqlx.DB }

// New returns the store in db, which has to be the primary.
func New(db *sqlx.DB) *Store { return &Store{db: db} }

// Each insert deletes some old rows, so that the table stays small: about what is
// recorded within cache.RecordsKept.
const recordInvalidation = `-- name: cache_invalidations.record
WITH old AS (
    DELETE FROM cache_invalidations WHERE id = ANY (ARRAY(
        SELECT id FROM cache_invalidations
        WHERE created_at < now() - make_interval(secs => $3) AND expires_at < now()
        ORDER BY created_at LIMIT 10 FOR UPDATE SKIP LOCKED))
)
INSERT INTO cache_invalidations (tags, expires_at) VALUES ($1, clock_timestamp() + make_interval(secs => $2))`

// Record says that a write, which ends within lasts, changes the tags.
func (s *Store) Record(ctx context.Context, tags []string, lasts time.Duration) error {
	_, err := s.db.ExecContext(
		ctx, recordInvalidation, pq.Array(tags), lasts.Seconds(), cache.RecordsKept.Seconds())
	if err != nil {
		return postgres.WrapError("record an invalidation", err)
	}
	return nil
}

const recordedInvalidations = `-- name: cache_invalidations.recorded
SELECT id, tags, greatest(extract(epoch FROM expires_at - now()), 0)::float8 AS lasts FROM cache_invalidations
WHERE created_at > now() - make_interval(secs => $1) ORDER BY expires_at DESC LIMIT $2`

// Recorded returns at most limit of the invalidations of the last time since, first
// those whose writes may last the longest.
func (s *Store) Recorded(ctx context.Context, since time.Duration, limit int) ([]cache.Recorded, error) {
	var rows []struct {
		ID    int64
		Tags  pq.StringArray
		Lasts float64 // seconds
	}
	if err := s.db.SelectContext(ctx, &rows, recordedInvalidations, since.Seconds(), limit); err != nil {
		return nil, postgres.WrapError("read recorded invalidations", err)
	}
	recorded := make([]cache.Recorded, len(rows))
	for i, row := range rows {
		recorded[i] = cache.Recorded{
			ID: row.ID, Tags: row.Tags, Lasts: time.Duration(row.Lasts * float64(time.Second)),
		}
	}
	return recorded, nil
}
