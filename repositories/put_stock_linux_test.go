package repositories_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/services"
)

// shown is a store that shows the stock as it is in Redis.
type shown struct {
	services.ProductStore
	client redis.UniversalClient
}

func (s shown) Stock(ctx context.Context, _ int64) (int64, error) {
	return s.client.Get(ctx, "test:{stock}:1").Int64()
}

// Whoever learns of a put looks for its value, and must find it.
func TestStockPutter_IsSeenByTheProcessAtOnceAndByOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	for name, url := range redisKinds(t) {
		t.Run(name, func(t *testing.T) {
			client := devtest.RedisClient(t, url)
			own, other := newCache(t, client), newCache(t, client)
			times := repositories.CacheTimes{TTL: time.Hour}
			here, there := repositories.NewCachedProducts(shown{client: client}, own, times),
				repositories.NewCachedProducts(shown{client: client}, other, times)
			put := repositories.NewInvalidatingStock(nil, own).PutAndInvalidate
			for quantity := range int64(10) {
				command := redis.NewStatusCmd(t.Context(), "set", "test:{stock}:1", quantity)
				invalidated, err := put(t.Context(), command, 1)
				if err != nil {
					t.Fatal(err)
				}
				if !invalidated {
					if name == "one server" && quantity > 0 {
						t.Error("nothing is invalidated in the same round trip")
					}
					if err := own.Invalidate(t.Context(), "product:1/stock"); err != nil {
						t.Fatal(err)
					}
				}
				if got, err := here.Stock(t.Context(), 1); err != nil || got != quantity {
					t.Fatalf("here it is %d, %v; want %d", got, err, quantity)
				}
				devtest.Eventually(t, "others show it", func() bool {
					got, err := there.Stock(t.Context(), 1)
					return err == nil && got == quantity
				})
			}
		})
	}
}

func redisKinds(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{"one server": devtest.Redis(t), "a Cluster": devtest.Cluster(t, 0).URL}
}
