package writebehind

import "encoding/json"

// Hash is the key in Redis of the hash that holds what waits, with a field for each
// key, as JSON: for who reads it together with something else.
func (b *Buffer[K, V]) Hash() string { return b.data }

// Decode returns the value of a key's field in the hash.
func (b *Buffer[K, V]) Decode(key K, field string) (value V, err error) {
	name, err := json.Marshal(key)
	if err != nil {
		return value, err
	}
	write, err := decode[K, V](string(name), field)
	return write.Value, err
}
