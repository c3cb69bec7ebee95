package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// An entry is what Redis holds of a value:
//
//	schema (8 bytes) | flags (1) | soft expiry, Unix ms (8) |
//	number of generations (1) | each (16) | value, as MessagePack
//
// The soft expiry is when it should be loaded anew. Redis keeps it longer, for
// the time that the store is away.
const (
	schemaLength = 8
	headerLength = schemaLength + 1 + 8 + 1
	flagAbsent   = 1
)

func encodeEntry(schema string, generations []string, h *held, until time.Time) ([]byte, error) {
	entry := make([]byte, 0, headerLength+len(generations)*nonceLength+256)
	entry = append(entry, schema...)
	if h.absent {
		entry = append(entry, flagAbsent)
	} else {
		entry = append(entry, 0)
	}
	entry = binary.BigEndian.AppendUint64(entry, uint64(until.UnixMilli()))
	entry = append(entry, byte(len(generations)))
	for _, g := range generations {
		entry = append(entry, g...)
	}
	if h.absent {
		return entry, nil
	}
	value, err := msgpack.Marshal(h.value)
	if err != nil {
		return nil, fmt.Errorf("encode a value for the cache: %w", err)
	}
	return append(entry, value...), nil
}

// decodeEntry returns what entry holds, or nil where it is of another schema,
// other generations, or damaged: all of these are misses.
func decodeEntry[V any](entry, schema string, generations []string) *held {
	const at = schemaLength
	if len(entry) < headerLength+len(generations)*nonceLength || entry[:at] != schema ||
		int(entry[headerLength-1]) != len(generations) {
		return nil
	}
	rest := entry[headerLength:]
	for _, g := range generations {
		if g == "" || rest[:nonceLength] != g {
			return nil
		}
		rest = rest[nonceLength:]
	}
	h := &held{
		absent: entry[at]&flagAbsent != 0,
		until:  time.UnixMilli(int64(binary.BigEndian.Uint64([]byte(entry[at+1 : headerLength-1])))),
		weight: uint32(len(entry)),
	}
	if h.absent {
		return h
	}
	var value V
	if err := unmarshal(rest, &value); err != nil {
		return nil
	}
	h.value = value
	return h
}

// unmarshal decodes MessagePack that somebody may have damaged; of some of that
// the library panics.
func unmarshal(text string, to any) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("decode MessagePack: %v", fault)
		}
	}()
	return msgpack.Unmarshal([]byte(text), to)
}

// schemaOf sums up how a type is encoded: names and types of all fields. A build
// that has changed any of them reads what another one wrote as misses.
func schemaOf(t reflect.Type) string {
	var text strings.Builder
	describe(&text, t, make(map[reflect.Type]bool))
	sum := sha256.Sum256([]byte(text.String()))
	return string(sum[:schemaLength])
}

func describe(text *strings.Builder, t reflect.Type, seen map[reflect.Type]bool) {
	fmt.Fprintf(text, "%s %s", t, t.Kind())
	if seen[t] { // types may hold themselves
		return
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		describe(text, t.Elem(), seen)
	case reflect.Map:
		describe(text, t.Key(), seen)
		describe(text, t.Elem(), seen)
	case reflect.Struct:
		for field := range t.Fields() {
			fmt.Fprintf(text, "{%s %q ", field.Name, field.Tag.Get("msgpack"))
			describe(text, field.Type, seen)
			text.WriteByte('}')
		}
	}
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}
