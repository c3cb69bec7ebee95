// Package writes holds the types with which a write-behind buffer passes writes to a store.
// Services need them, and may not import repositories.
//
//	// SetAll is a writes.StoreBatch.
//	func (s *Stock) SetAll(ctx context.Context, batch []writes.Write[int64, int64]) (writes.Refused[int64], error) {
//		rows, err := s.upsert(ctx, batch) // one statement; returns the rows that have a newer version
//		refused := writes.Refused[int64]{Newer: map[int64]int64{}}
//		for _, row := range rows {
//			refused.Newer[row.ID] = row.Version
//		}
//		return refused, err
//	}
package writes

import (
	"cmp"
	"context"

	"example.com/prefab/services/problem"
)

// Write is a value that waits to be stored under its key. Of two writes of a key, the one
// with the higher version is the newer.
type Write[K cmp.Ordered, V any] struct {
	Key     K
	Value   V
	Version int64 // microseconds since 1970, but always above the last version
}

// Refused are the writes of a batch that a store has not taken. It has taken all others.
type Refused[K cmp.Ordered] struct {
	Newer map[K]int64 // the store has a newer version: this one, or 0 if it is being written right now
	Bad   map[K]error // the store can never take the write
	Gone  map[K]bool  // what the write is about does not exist any more
}

// StoreBatch stores a batch as a whole or not at all. The keys in it differ and ascend. An
// error with the code Invalid, such as [ErrBad], says that a write in the batch is bad. After
// any other error the batch can be tried again.
type StoreBatch[K cmp.Ordered, V any] func(ctx context.Context, batch []Write[K, V]) (Refused[K], error)

// ErrBad says that a store can never take a write.
var ErrBad = &problem.Error{Code: problem.Invalid, Message: "The value cannot be stored."}
