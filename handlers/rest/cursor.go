package rest

import (
	"encoding/base64"
	"encoding/binary"
	"time"
)

// Position is a place in a list that is sorted by time and id: right after the row
// with these. The zero value is the start.
type Position struct {
	CreatedAt time.Time
	ID        int64
}

// A cursor holds the microseconds since 1970 and the id, 8 bytes each, in URL-safe
// base64. Clients send it back without reading it.
const cursorBytes = 16

var cursorEncoding = base64.RawURLEncoding.Strict()

// Cursor returns the position as a text for clients, or "" for the zero Position.
func (p Position) Cursor() string {
	if p == (Position{}) {
		return ""
	}
	var raw [cursorBytes]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(p.CreatedAt.UnixMicro()))
	binary.BigEndian.PutUint64(raw[8:], uint64(p.ID))
	return cursorEncoding.EncodeToString(raw[:])
}

// ParseCursor is the inverse of Cursor. It accepts only what Cursor can return:
// PostgreSQL's timestamps do not reach as far as 64 bits.
func ParseCursor(cursor string) (Position, bool) {
	raw, err := cursorEncoding.DecodeString(cursor)
	// The decoder skips line breaks, so the length of its result is not enough.
	if err != nil || len(raw) != cursorBytes || len(cursor) != cursorEncoding.EncodedLen(cursorBytes) {
		return Position{}, false
	}
	p := Position{
		CreatedAt: time.UnixMicro(int64(binary.BigEndian.Uint64(raw[:8]))).UTC(),
		ID:        int64(binary.BigEndian.Uint64(raw[8:])),
	}
	year := p.CreatedAt.Year()
	return p, p.ID > 0 && year >= 1970 && year < 9999
}
