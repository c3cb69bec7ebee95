package cache_test

import (
	"context"
	"slices"
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

// Builds that differ in a type or in tags run side by side while a deploy goes on. What
// one of them has stored is a miss for the other.
func TestEntry_OfOtherTypesOrTagsIsAMiss(t *testing.T) {
	type before struct{ Name string }
	type after struct {
		Name  string
		Price int64
	}
	n := newNode(t, ownRedis(t))
	olds := cache.NewTable[before](n.cache, cache.TableOptions{Name: "same", TTL: time.Hour})
	news := cache.NewTable[after](n.cache, cache.TableOptions{Name: "same", TTL: time.Hour})
	for _, tags := range [][]string{{"thing", "things"}, {"thing"}, {"thing", "things", "all"}} {
		loads := 0
		old, err := olds.Get(fresh(t), "key", tags, func(context.Context) (before, error) { loads++; return before{"a"}, nil })
		if err != nil || loads != 1 || old.Name != "a" {
			t.Errorf("with the tags %v the old build reads %v, %v after %d loads", tags, old, err, loads)
		}
		got, err := news.Get(fresh(t), "key", tags, func(context.Context) (after, error) { loads++; return after{"b", 9}, nil })
		if err != nil || loads != 2 || got != (after{"b", 9}) {
			t.Errorf("with the tags %v the new build reads %v, %v after %d loads", tags, got, err, loads)
		}
	}
}

func TestTable_GivesTimesInUTCFromRedisToo(t *testing.T) {
	n := newNode(t, ownRedis(t))
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
