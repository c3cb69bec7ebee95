package cache_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
)

// all has one field of each kind that values are made of.
type all struct {
	Number  int64
	Text    string
	Bytes   []byte
	Time    time.Time
	Pointer *all
	List    []all
	Map     map[string]int64
	Array   [4]uint8
}

// A damaged entry in Redis is a miss.
func FuzzDecodeEntry(f *testing.F) {
	const generations = "0123456789abcdeffedcba9876543210"
	good := cache.EncodeEntry(all{
		Number: -1, Text: "text", Bytes: []byte{1}, Time: time.Unix(1, 1), Pointer: new(all), List: []all{{}}, Map: map[string]int64{"a": 1},
	}, generations)
	if !cache.DecodeEntry[all](good, generations) {
		f.Fatal("an entry is not decoded")
	}
	header := good[:50] // so that the value is read at all
	f.Add(good, "")
	f.Add(good[:len(good)-1], "")
	f.Add(header, "\xdd\xff\xff\xff\xff")
	f.Add(header, "\x81\xa4Time\xc0") // the library panics
	f.Fuzz(func(_ *testing.T, begin, end string) {
		cache.DecodeEntry[all](begin+end, generations)
		cache.DecodeEntry[all](begin+end, "")
	})
}

// Two builds run side by side during a deployment. An entry of another type, or with other
// tags, is a miss.
func TestEntry_OfOtherTypesOrTagsIsAMiss(t *testing.T) {
	type before struct{ Name string }
	type after struct {
		Name  string
		Price int64
	}
	n := newNode(t, devtest.Redis(t))
	olds := cache.NewTable[before](n.cache, cache.TableOptions{Name: "same", TTL: time.Hour})
	news := cache.NewTable[after](n.cache, cache.TableOptions{Name: "same", TTL: time.Hour})
	for _, tags := range [][]string{{"thing", "things"}, {"thing"}, {"thing", "things", "all"}} {
		loads := 0
		old, err := olds.Get(fresh(t), "key", tags, func(context.Context) (before, error) { loads++; return before{"a"}, nil })
		got, err2 := news.Get(fresh(t), "key", tags, func(context.Context) (after, error) { loads++; return after{"b", 9}, nil })
		if loads != 2 || old.Name != "a" || got != (after{"b", 9}) {
			t.Errorf("tags %v: %v, %v, %v, %v after %d loads", tags, old, err, got, err2, loads)
		}
	}
}

func TestTable_GivesTimesInUTCFromRedisToo(t *testing.T) {
	n := newNode(t, devtest.Redis(t))
	table := cache.NewTable[[]time.Time](n.cache, cache.TableOptions{Name: "times", TTL: time.Minute})
	want := []time.Time{ // one of each length in MessagePack
		time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		time.Date(2026, 1, 2, 3, 4, 5, 123456000, time.UTC),
		time.Date(9999, 1, 2, 3, 4, 5, 123456789, time.UTC),
		{},
	}
	loads := 0
	for range 2 {
		got, err := table.Get(fresh(t), "a", nil, func(context.Context) ([]time.Time, error) { loads++; return want, nil })
		if err != nil || loads != 1 || !slices.Equal(got, want) {
			t.Errorf("%v, %v after %d loads; want %v", got, err, loads, want)
		}
	}
}
