package repositories

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services"
)

// Along the primary key, so that the first row comes at once. The times come as
// PostgreSQL keeps them: to write and parse their text is a sixth of an export.
const exportProducts = `-- name: products.export
SELECT p.id, p.name, p.description, p.price_cents, p.active, c.id AS "category.id", c.name AS "category.name",
       coalesce(s.quantity, 0) AS stock,
       timestamptz_send(p.created_at) AS created, timestamptz_send(p.updated_at) AS updated
FROM products p
JOIN categories c ON c.id = p.category_id
LEFT JOIN stock s ON s.product_id = p.id
ORDER BY p.id`

// ExportFrom has exports read from the replica, where there is one, and returns s.
func (s *Products) ExportFrom(replica *postgres.Replica) *Products {
	s.replica = replica
	return s
}

// exportedRow is a product as it is selected for an export.
type exportedRow struct {
	services.ExportedProduct
	Created, Updated sentTime
}

// Export is part of services.ProductStore.
func (s *Products) Export(ctx context.Context) iter.Seq2[services.ExportedProduct, error] {
	return func(yield func(services.ExportedProduct, error) bool) {
		for row, err := range postgres.StreamReplica[exportedRow](ctx, s.db, s.replica, "export products", exportProducts) {
			row.CreatedAt, row.UpdatedAt = row.Created.time(), row.Updated.time()
			if !yield(row.ExportedProduct, err) {
				return
			}
		}
	}
}

// sentTime scans what timestamptz_send returns: the microseconds since 2000.
type sentTime int64

// Scan returns an error for infinity and other times that RFC 3339 cannot express.
func (t *sentTime) Scan(value any) error {
	sent, ok := value.([]byte)
	if !ok || len(sent) != 8 {
		return fmt.Errorf("%T of %v is no timestamptz as sent", value, value)
	}
	*t = sentTime(binary.BigEndian.Uint64(sent))
	const infinity = math.MaxInt64
	if year := t.time().Year(); *t == infinity || *t == -infinity-1 || year < 0 || year > 9999 {
		return errors.New("a time in it is infinite, or outside the years 0 to 9999; correct the row")
	}
	return nil
}

func (t sentTime) time() time.Time {
	const year2000 = 946_684_800_000_000 // in microseconds of Unix time
	return time.UnixMicro(int64(t) + year2000).UTC()
}
