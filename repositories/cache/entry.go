package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// An entry in Redis is
//
//	schema (8 bytes) | absent (1) | end, Unix ms (8) | number of generations (1) |
//	each generation (16) | the value, as MessagePack
//
// The header has a fixed length, so that the scripts can compare the generations. After
// the end the value should be loaded anew; Redis keeps it longer, for the grace.
const (
	schemaLength = 8
	headerLength = schemaLength + 1 + 8 + 1
)

func encodeEntry(schema string, e *entry, end time.Time) ([]byte, error) {
	text := make([]byte, 0, headerLength+len(e.generations)+256)
	text = append(text, schema...)
	text = append(text, 0)
	text = binary.BigEndian.AppendUint64(text, uint64(end.UnixMilli()))
	text = append(text, byte(len(e.generations)/nonceLength))
	text = append(text, e.generations...)
	if e.absent {
		text[schemaLength] = 1
		return text, nil
	}
	value, err := msgpack.Marshal(e.value)
	return append(text, value...), err
}

// decodeEntry returns the entry, or nil if it has another schema or other generations, or
// is damaged: all of these are misses.
func decodeEntry[V any](text, schema, generations string) *entry {
	if generations == "" || len(text) < headerLength || text[:schemaLength] != schema ||
		int(text[headerLength-1]) != len(generations)/nonceLength || !strings.HasPrefix(text[headerLength:], generations) {
		return nil
	}
	e := &entry{
		absent: text[schemaLength] == 1,
		until:  time.UnixMilli(int64(binary.BigEndian.Uint64([]byte(text[schemaLength+1 : headerLength-1])))),
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

// unmarshal decodes MessagePack. The library panics on some damaged texts.
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

// schemaOf is a hash of how a type is encoded: the names and types of all fields. A build
// that has changed any of them reads the entries of another build as misses.
func schemaOf(t reflect.Type) string {
	var text strings.Builder
	describe(&text, t, make(map[reflect.Type]bool))
	sum := sha256.Sum256([]byte(text.String()))
	return string(sum[:schemaLength])
}

func describe(text *strings.Builder, t reflect.Type, seen map[reflect.Type]bool) {
	fmt.Fprintf(text, "%s %s", t, t.Kind())
	if seen[t] { // types may contain themselves
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

// registerTimes makes decoded times come back in UTC, as from the database. The library
// would use the zone of the machine, and a page would look different from Redis.
var registerTimes = sync.OnceFunc(func() {
	const extension = 1 // -1 is the library's own
	msgpack.RegisterExtEncoder(extension, time.Time{}, func(_ *msgpack.Encoder, t reflect.Value) ([]byte, error) {
		return t.Interface().(time.Time).UTC().MarshalBinary()
	})
	msgpack.RegisterExtDecoder(extension, time.Time{}, func(d *msgpack.Decoder, to reflect.Value, length int) error {
		text := make([]byte, min(length, 32)) // a damaged length may be anything
		if err := d.ReadFull(text); err != nil {
			return err
		}
		return to.Addr().Interface().(*time.Time).UnmarshalBinary(text)
	})
})
