package repositories

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/repositories/postgres"
)

// Invalidations keep in PostgreSQL, for a while, what a process has changed that
// cannot reach Redis: the other way by which the cache tells all processes.
type Invalidations struct{ db *sqlx.DB }

// NewInvalidations returns the invalidations in db, which has to be the primary.
func NewInvalidations(db *sqlx.DB) *Invalidations { return &Invalidations{db: db} }

// Each new row takes some old ones away, so there are never many more than are
// recorded in cache.RecordsKept.
const recordInvalidation = `-- name: cache_invalidations.record
WITH old AS (
    DELETE FROM cache_invalidations WHERE id = ANY (ARRAY(
        SELECT id FROM cache_invalidations
        WHERE created_at < now() - make_interval(secs => $3) AND expires_at < now()
        ORDER BY created_at LIMIT 10 FOR UPDATE SKIP LOCKED))
)
INSERT INTO cache_invalidations (tags, expires_at) VALUES ($1, clock_timestamp() + make_interval(secs => $2))`

// Record notes that the tags are changed by a write that ends within lasts.
func (s *Invalidations) Record(ctx context.Context, tags []string, lasts time.Duration) error {
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

// Recorded returns at most limit of the invalidations that were recorded since
// then, those first whose writes may last the longest.
func (s *Invalidations) Recorded(ctx context.Context, since time.Duration, limit int) ([]cache.Recorded, error) {
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
