package rest

import (
	"encoding/base64"
	"testing"
	"time"
)

func TestCursor_NamesAPositionToTheMicrosecond(t *testing.T) {
	if got := (Position{}).Cursor(); got != "" {
		t.Errorf("the start has the cursor %q", got)
	}
	here := time.FixedZone("", 3600)
	for _, p := range []Position{
		{CreatedAt: time.Unix(0, 0), ID: 1},
		{CreatedAt: time.Date(2026, 2, 3, 4, 5, 6, 789012000, time.UTC), ID: 42},
		{CreatedAt: time.Date(2026, 2, 3, 4, 5, 6, 789012000, here), ID: 42},
		{CreatedAt: time.Date(9998, 12, 31, 23, 59, 59, 999999000, time.UTC), ID: 1<<63 - 1},
	} {
		got, ok := ParseCursor(p.Cursor())
		if !ok || !got.CreatedAt.Equal(p.CreatedAt) || got.ID != p.ID {
			t.Errorf("%v became %v, %v", p, got, ok)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add("x")
	f.Add(Position{CreatedAt: time.Unix(1, 1000), ID: 7}.Cursor())
	f.Add(Position{CreatedAt: time.Unix(-1, 0), ID: 7}.Cursor())
	f.Add(Position{CreatedAt: time.Unix(1, 0), ID: -7}.Cursor())
	for _, size := range []int{15, 16, 17, 4096} {
		f.Add(base64.RawURLEncoding.EncodeToString(make([]byte, size)))
	}
	f.Add("AAAAAAAAAAAAAAAAAAAAAR") // the last letter has bits to spare
	f.Add("AAAAAAAAAAEAAAAAAAAAAQ==")
	f.Add("AAAAAAAAAAE\nAAAAAAAAAAQ")
	f.Fuzz(func(t *testing.T, cursor string) {
		p, ok := ParseCursor(cursor)
		if !ok {
			return
		}
		if p.ID < 1 || p.CreatedAt.Year() < 1970 || p.CreatedAt.Year() > 9998 {
			t.Errorf("%q is the impossible position %v", cursor, p)
		}
		if again := p.Cursor(); again != cursor {
			t.Errorf("%q is taken, but %v is written %q", cursor, p, again)
		}
	})
}
