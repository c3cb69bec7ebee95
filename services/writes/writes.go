// Package writes holds the types by which a write-behind buffer gives its writes to a store.
package writes

import (
	"cmp"
	"context"

	"example.com/prefab/services/problem"
)

// Write is a value that waits to be stored under its key. Of two writes of a key
// the one with the higher version is the newer.
type Write[K cmp.Ordered, V any] struct {
	Key     K
	Value   V
	Version int64 // microseconds since 1970, where the clock never went back
}

// Refused are the writes of a batch that a store has not taken; all others it has.
type Refused[K cmp.Ordered] struct {
	Newer map[K]int64 // what it holds of these is newer: that one's version, or 0 where that is being written
	Bad   map[K]error // these it can never take
	Gone  map[K]bool  // what these are about is not there any more
}

// StoreBatch stores a batch, in which keys differ and ascend, as a whole or not
// at all. An error with the code Invalid says that some write in it is a bad one,
// [ErrBad]; any other, that it can be tried again.
type StoreBatch[K cmp.Ordered, V any] func(ctx context.Context, batch []Write[K, V]) (Refused[K], error)

// ErrBad says that a store will never take a write as it is.
var ErrBad = &problem.Error{Code: problem.Invalid, Message: "The value cannot be stored."}
