package handlers

import (
	"encoding/base64"
	"encoding/binary"
	"time"

	"example.com/prefab/services"
)

// A cursor is a position in the list of products: the microseconds since 1970
// and the id, 8 bytes each, in URL-safe base64. Clients pass it back unread.
const cursorBytes = 16

var cursorEncoding = base64.RawURLEncoding.Strict()

// encodeCursor returns the position's cursor, or "" for the zero position.
func encodeCursor(p services.ProductPosition) string {
	if p == (services.ProductPosition{}) {
		return ""
	}
	var raw [cursorBytes]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(p.CreatedAt.UnixMicro()))
	binary.BigEndian.PutUint64(raw[8:], uint64(p.ID))
	return cursorEncoding.EncodeToString(raw[:])
}

// decodeCursor is the inverse of encodeCursor. It takes only what encodeCursor
// could have given: PostgreSQL's timestamps do not reach as far as 64 bits.
func decodeCursor(cursor string) (services.ProductPosition, bool) {
	raw, err := cursorEncoding.DecodeString(cursor)
	// The decoder skips line breaks, so that the length of its result is not enough.
	if err != nil || len(raw) != cursorBytes || len(cursor) != cursorEncoding.EncodedLen(cursorBytes) {
		return services.ProductPosition{}, false
	}
	p := services.ProductPosition{
		CreatedAt: time.UnixMicro(int64(binary.BigEndian.Uint64(raw[:8]))).UTC(),
		ID:        int64(binary.BigEndian.Uint64(raw[8:])),
	}
	year := p.CreatedAt.Year()
	return p, p.ID > 0 && year >= 1970 && year < 9999
}
