package cache_test

import (
	"context"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// A generation that ends before the values under it would void them too early.
func TestFill_MakesGenerationsOutliveTheValues(t *testing.T) {
	n, s := newNode(t, devtest.Redis(t)), new(source)
	generation, entry := n.cache.GenerationKey(tags[0]), n.cache.EntryKey(tags[0], "numbers", "key")
	for range 2 { // one that is new, and one that is about to end
		n.gives(t, s, 0)
		if left, want := n.client.PTTL(t.Context(), generation).Val(), n.client.PTTL(t.Context(), entry).Val(); left <= want {
			t.Errorf("the generation has %v left, the value %v", left, want)
		}
		if err := n.client.Del(t.Context(), entry).Err(); err != nil {
			t.Fatal(err)
		}
		if !n.client.PExpire(t.Context(), generation, 10*time.Second).Val() {
			t.Fatal("there is no generation")
		}
		n.cache.Flush()
	}
}

// What was asked for in vain must not stay for long: anybody can make it up.
func TestMiss_LeavesNothingForLong(t *testing.T) {
	n, s := newNode(t, devtest.Redis(t)), new(source)
	s.fail.Store(&problem.Error{Code: problem.Invalid, Message: "No."})
	if _, err := n.get(t.Context(), s.load); err == nil {
		t.Fatal("the load has not failed")
	}
	for _, key := range n.client.Keys(t.Context(), "test:*").Val() {
		left := n.client.PTTL(t.Context(), key).Val()
		if key != n.cache.GenerationKey(cache.Everything) && left > time.Minute {
			t.Errorf("%s stays for %v", key, left)
		}
	}
}

// A build that declares other tags must not take an older one's marks for values.
func TestEntry_OfOtherTagsIsAMiss(t *testing.T) {
	n := newNode(t, devtest.Redis(t))
	fresh := tracing.With(t.Context(), &tracing.Trace{Fresh: true})
	for _, tags := range [][]string{{"thing", "things"}, {"thing"}, {"thing", "things", "all"}} {
		got, err := n.numbers.Get(fresh, "key", tags, func(context.Context) (int64, error) { return 7, nil })
		if err != nil || got != 7 {
			t.Errorf("with the tags %v: %d, error %v", tags, got, err)
		}
	}
}
