package cache_test

import (
	"testing"
	"time"

	"example.com/prefab/repositories/cache"
)

// all has one field of each kind that values are made of.
type all struct {
	Number  int64
	Ratio   float64
	Text    string
	Bytes   []byte
	Time    time.Time
	Pointer *all
	List    []all
	Map     map[string]int64
	Array   [4]uint8
	Yes     bool
}

// Rubbish in Redis is a miss.
func FuzzDecodeEntry(f *testing.F) {
	const generations = "0123456789abcdeffedcba9876543210"
	good := cache.EncodeEntry(all{
		Number: -1, Ratio: 0.5, Text: "text", Bytes: []byte{1}, Time: time.Unix(1, 1), Pointer: new(all),
		List: []all{{}, {}}, Map: map[string]int64{"a": 1}, Yes: true,
	}, generations)
	if !cache.DecodeEntry[all](good, generations) {
		f.Fatal("an entry is not decoded")
	}
	f.Add(good, true)
	f.Add(good[:len(good)-1], true)
	f.Add("\xdd\xff\xff\xff\xff", true)
	f.Add("\x81\xa4Time\xc0", true) // the library panics
	f.Add("", false)
	head := len(cache.EncodeEntry(nil, generations)) - 1 // all but the nil
	f.Fuzz(func(_ *testing.T, text string, behindHead bool) {
		if behindHead { // so that the value is read at all
			text = good[:head] + text
		}
		cache.DecodeEntry[all](text, generations)
		cache.DecodeEntry[all](text, "")
	})
}
