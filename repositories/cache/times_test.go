package cache_test

import (
	"context"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/repositories/redisclient"
	"example.com/prefab/services/tracing"
)

func TestTable_GivesTimesInUTCFromRedisToo(t *testing.T) {
	zone := time.Local
	time.Local = time.FixedZone("elsewhere", 2*60*60)
	defer func() { time.Local = zone }()
	client, err := redisclient.Open(devtest.Redis(t), 4)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c := cache.New(cache.Options{
		Client: client, Prefix: "times:", MemoryTTL: time.Minute, MaxItems: 10, MaxBytes: 1 << 20,
		ValueLimit: 1 << 10, Budget: time.Second,
	})
	c.Start(t.Context())
	defer c.Close()

	want := []time.Time{ // one of each length in MessagePack
		time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		time.Date(2026, 1, 2, 3, 4, 5, 123456000, time.UTC),
		time.Date(9999, 1, 2, 3, 4, 5, 123456789, time.UTC),
		{},
	}
	table := cache.NewTable[[]time.Time](c, cache.TableOptions{Name: "times", TTL: time.Minute})
	fresh := tracing.With(t.Context(), &tracing.Trace{Fresh: true}) // past memory
	for round := range 2 {
		got, err := table.Get(fresh, "a", nil, func(context.Context) ([]time.Time, error) {
			if round > 0 {
				t.Error("the times are not in Redis")
			}
			return want, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, moment := range got {
			if moment != want[i] {
				t.Errorf("%v has become %v", want[i], moment)
			}
		}
	}
}
