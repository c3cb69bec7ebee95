package writebehind

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
)

// settleOlder handles writes that the store refused because it has a newer version;
// older is their fields and the store's versions in turns. Where Redis' clock went
// back, a write gets a version above the store's, and is stored the next time. Else
// Redis has brought back old data, after a crash or by a failover, and the write is
// dropped. settleOlder returns how many of the fields still had an entry.
func (b *Buffer[K, V]) settleOlder(ctx context.Context, older []any) (found int, err error) {
	if len(older) == 0 {
		return 0, nil
	}
	reply, err := outdated.Run(ctx, b.options.Client, b.keys(), older...).StringSlice()
	if err != nil {
		return 0, unavailable("settle writes older than the store's", err)
	}
	log := b.options.Log.With("buffer", b.options.Name)
	found, _ = strconv.Atoi(reply[0])
	if raised, _ := strconv.Atoi(reply[1]); raised > 0 {
		b.metrics.restamped.Add(float64(raised))
		log.WarnContext(ctx, "writes got higher versions, since the store's are ahead of Redis' clock", "writes", raised)
	}
	var keys []K
	for dropped := range slices.Chunk(reply[2:], 3) {
		b.metrics.outdated.Inc()
		log.WarnContext(ctx, "a write is dropped: Redis has lost data, and the store has a newer one",
			"key", dropped[0], "version", dropped[1], "stored_version", dropped[2])
		var key K
		if json.Unmarshal([]byte(dropped[0]), &key) == nil {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return found, nil
	}
	return found, b.options.Changed(ctx, keys) // readers were shown the old value
}
