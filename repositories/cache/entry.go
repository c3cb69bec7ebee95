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

func encodeEntry(schema string, generations string, e *entry, until time.Time) ([]byte, error) {
	text := make([]byte, 0, headerLength+len(generations)+256)
	text = append(text, schema...)
	if e.absent {
		text = append(text, flagAbsent)
	} else {
		text = append(text, 0)
	}
	text = binary.BigEndian.AppendUint64(text, uint64(until.UnixMilli()))
	text = append(text, byte(len(generations)/nonceLength))
	text = append(text, generations...)
	if e.absent {
		return text, nil
	}
	value, err := msgpack.Marshal(e.value)
	if err != nil {
		return nil, fmt.Errorf("encode a value for the cache: %w", err)
	}
	return append(text, value...), nil
}

// decodeEntry returns what text holds, or nil where it is of another schema, other
// generations, or damaged: all of these are misses.
func decodeEntry[V any](text, schema, generations string) *entry {
	const at = schemaLength
	if generations == "" || len(text) < headerLength+len(generations) || text[:at] != schema ||
		int(text[headerLength-1]) != len(generations)/nonceLength || !strings.HasPrefix(text[headerLength:], generations) {
		return nil
	}
	e := &entry{
		absent: text[at]&flagAbsent != 0,
		until:  time.UnixMilli(int64(binary.BigEndian.Uint64([]byte(text[at+1 : headerLength-1])))),
		weight: uint32(len(text)),
	}
	if e.absent {
		return e
	}
	var value V
	if err := unmarshal(text[headerLength+len(generations):], &value); err != nil {
		return nil
	}
	e.value = value
	return e
}

// unmarshal decodes MessagePack that somebody may have damaged; of some of that
// the library panics.
func unmarshal(text string, to any) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("decode MessagePack: %v", fault)
		}
	}()
	d := msgpack.GetDecoder()
	defer msgpack.PutDecoder(d)
	d.Reset(strings.NewReader(text)) // without a copy
	return d.Decode(to)
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
