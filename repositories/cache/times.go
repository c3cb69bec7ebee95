package cache

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// MessagePack's own type for times, https://github.com/msgpack/msgpack/blob/master/spec.md#timestamp-extension-type
const timestampType = -1

// readTimesInUTC makes decoded times come back in UTC, as they do from the
// database. MessagePack keeps the moment alone, and the library would give it the
// machine's zone: a page would read differently once it had been in Redis.
var readTimesInUTC = sync.OnceFunc(func() {
	msgpack.RegisterExtDecoder(timestampType, time.Time{}, decodeTime)
})

func decodeTime(d *msgpack.Decoder, to reflect.Value, length int) error {
	var b [12]byte
	if length > len(b) {
		return fmt.Errorf("a timestamp of %d bytes", length)
	}
	if err := d.ReadFull(b[:length]); err != nil {
		return err
	}
	var t time.Time
	switch length {
	case 4:
		t = time.Unix(int64(binary.BigEndian.Uint32(b[:])), 0)
	case 8:
		both := binary.BigEndian.Uint64(b[:])
		t = time.Unix(int64(both&(1<<34-1)), int64(both>>34))
	case 12:
		t = time.Unix(int64(binary.BigEndian.Uint64(b[4:])), int64(binary.BigEndian.Uint32(b[:])))
	default:
		return fmt.Errorf("a timestamp of %d bytes", length)
	}
	to.Set(reflect.ValueOf(t.UTC()))
	return nil
}
