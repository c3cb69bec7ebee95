// Package writes holds the types that a write-behind buffer and its store share. Services
// need them, and may not import repositories. A store takes a batch as a whole or not at
// all, and reports the writes that it rejects.
//
//	func (s *Stock) SetAll(ctx context.Context, batch []writes.Write[int64, int64]) (writes.Rejected[int64], error) {
//		rows, err := s.upsert(ctx, batch) // one statement; returns the rows that have a newer version
//		rejected := writes.Rejected[int64]{Stale: map[int64]int64{}}
//		for _, row := range rows {
//			rejected.Stale[row.ID] = row.Version
//		}
//		return rejected, err
//	}
package writes

import (
	"cmp"
	"context"

	"example.com/prefab/services/problem"
)

// Write is a value that waits to be stored under its key. Of two writes of a key the one
// with the higher version is newer.
type Write[K cmp.Ordered, V any] struct {
	Key     K
	Value   V
	Version int64 // microseconds since 1970, which never decrease
}

// Rejected holds the writes of a batch that a store has not stored.
type Rejected[K cmp.Ordered] struct {
	Stale   map[K]int64 // the version found; if below the write's own, a newer one is being written right now
	Invalid map[K]error // the store can never take them
	Missing map[K]bool  // the row that they belong to does not exist
}

// StoreBatch stores a batch, whose keys are unique and ascending, as a whole or not at
// all. An error with the code Invalid, such as [ErrInvalid], says that some write in it is
// invalid; after any other error the batch can be tried again.
type StoreBatch[K cmp.Ordered, V any] func(ctx context.Context, batch []Write[K, V]) (Rejected[K], error)

// ErrInvalid says that a store can never take a write as it is.
var ErrInvalid = &problem.Error{Code: problem.Invalid, Message: "The value cannot be stored."}
