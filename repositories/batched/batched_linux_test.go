package batched_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/batched"
)

func TestMain(m *testing.M) { devtest.Main(m) }

func open(t *testing.T, url string) (redis.UniversalClient, batched.Client) {
	t.Helper()
	client, err := repositories.OpenRedis(url, 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	together, err := batched.New(client)
	if err != nil {
		t.Fatal(err)
	}
	return client, together
}

func TestGet_GivesEachCallerItsOwnValue(t *testing.T) {
	for name, url := range map[string]string{"one server": devtest.Redis(t), "a Cluster": devtest.Cluster(t, 0).URL} {
		t.Run(name, func(t *testing.T) {
			client, together := open(t, url)
			for i := range 100 {
				client.Set(t.Context(), "test:"+strconv.Itoa(i), i, 0)
			}
			var all sync.WaitGroup
			for i := range 100 {
				all.Go(func() {
					if got, err := together.Get(t.Context(), "test:"+strconv.Itoa(i)).Int(); err != nil || got != i {
						t.Errorf("got %d, %v; want %d", got, err, i)
					}
					if err := together.Get(t.Context(), "test:none").Err(); !errors.Is(err, redis.Nil) {
						t.Errorf("what is not there: %v", err)
					}
				})
			}
			all.Wait()
		})
	}
}

func TestGet_WorksAgainAfterRedisWasAway(t *testing.T) {
	server := devtest.OwnRedis(t)
	_, together := open(t, server.URL)
	get := func() error { return together.Get(context.Background(), "test:none").Err() }
	if err := get(); !errors.Is(err, redis.Nil) {
		t.Fatal(err)
	}
	server.Stop()
	if err := get(); err == nil || errors.Is(err, redis.Nil) {
		t.Errorf("while Redis is away: %v", err)
	}
	server.Start()
	if err := get(); !errors.Is(err, redis.Nil) {
		t.Errorf("then: %v", err)
	}
}
