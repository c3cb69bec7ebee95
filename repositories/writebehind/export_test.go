package writebehind

import (
	"context"
	"encoding/json"

	"example.com/prefab/services/writes"
)

// ForgetVersions makes the buffer drop whatever waits under the keys that have
// been stored, as one without versions would.
func (b *Buffer[K, V]) ForgetVersions() {
	b.beforeSettling = func(ctx context.Context, batch []writes.Write[K, V]) {
		for i := range batch {
			field, _ := json.Marshal(batch[i].Key)
			text := b.options.Client.HGet(ctx, b.data, string(field)).Val()
			if now, err := decode[K, V](string(field), text); err == nil {
				batch[i].Version = now.Version
			}
		}
	}
}

// BetweenStoreAndSettling has do called there, once.
func (b *Buffer[K, V]) BetweenStoreAndSettling(do func()) {
	b.beforeSettling = func(context.Context, []writes.Write[K, V]) {
		b.beforeSettling = nil
		do()
	}
}
