package repositories_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/services"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// people is a store of one user, or of none with an error.
type people struct {
	services.UserStore
	user  services.User
	err   error
	hangs chan struct{} // a call waits for it, or its own end; nil: not at all
	asked atomic.Int32
}

func (p *people) Get(ctx context.Context, _ int64) (services.User, error) {
	p.asked.Add(1)
	if p.hangs != nil {
		select {
		case <-ctx.Done():
			return services.User{}, problem.ErrUnavailable
		case <-p.hangs:
		}
	}
	return p.user, p.err
}

// past is a time to live after which a user has to be looked for again at once.
const past = time.Millisecond

// cachedUsers is what one process has: a store with Ada, who is an admin, and its cache.
func cachedUsers(t *testing.T, client redis.UniversalClient, ttl time.Duration) (*people, *repositories.CachedUsers, *cache.Cache) {
	t.Helper()
	store := &people{user: services.User{ID: 1, Name: "Ada", Role: services.Admin, PasswordHash: "hash"}}
	values := newCache(t, client)
	users := repositories.NewCachedUsers(store, values, repositories.CacheTimes{TTL: ttl, Grace: time.Hour})
	devtest.Eventually(t, "Redis has the user", func() bool { // a cache that starts may void what it has
		if _, err := users.Get(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		return client.Exists(t.Context(), adaInRedis).Val() == 1
	})
	return store, users, values
}

const adaInRedis = "test:cache:{user:1}:e:user:1"

// What a session has written a moment ago does not change who it is. By the time to live, a
// right that is taken away in the database may lag behind.
func TestCachedUsers_AreInMemoryForMomentsUntilAWrite(t *testing.T) {
	client := devtest.RedisClient(t, devtest.Redis(t))
	store, users, values := cachedUsers(t, client, time.Hour)
	if left := client.PTTL(t.Context(), adaInRedis).Val(); left > 5*time.Second+time.Hour { // and the grace
		t.Errorf("Redis keeps the user for %v", left)
	}
	ctx := tracing.With(t.Context(), &tracing.Trace{Fresh: true})
	devtest.Eventually(t, "memory alone gives the user", func() bool {
		client.Del(t.Context(), adaInRedis)
		asked := store.asked.Load()
		for range 10 {
			if got, err := users.Get(ctx, 1); err != nil || got.Name != "Ada" || got.PasswordHash != "" {
				t.Fatalf("got %+v, %v", got, err)
			}
		}
		return store.asked.Load() == asked
	})
	err := values.Write(t.Context(), []string{"user:1"}, func(context.Context) error {
		store.user.Role = services.Member
		return nil
	})
	if got, read := users.Get(t.Context(), 1); err != nil || read != nil || got.IsAdmin() {
		t.Errorf("after the right was taken away: %+v, %v, %v", got, err, read)
	}
}

func TestCachedUsers_PastTheirTimeGoOnInAnOutage(t *testing.T) {
	for name, fault := range map[string]func(*people){
		"away":  func(store *people) { store.err = problem.ErrUnavailable },
		"hangs": func(store *people) { store.hangs = make(chan struct{}) },
	} {
		t.Run(name, func(t *testing.T) {
			store, users, _ := cachedUsers(t, devtest.RedisClient(t, devtest.Redis(t)), past)
			devtest.Eventually(t, "who is cached is given as stale, within the request's time", func() bool {
				store.err, store.hangs = nil, nil
				if _, err := users.Get(t.Context(), 1); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * past)
				fault(store)
				trace := new(tracing.Trace)
				ctx, cancel := context.WithTimeout(tracing.With(t.Context(), trace), 2*time.Second)
				defer cancel()
				got, err := users.Get(ctx, 1)
				return err == nil && got.Name == "Ada" && trace.Stale() && ctx.Err() == nil
			})
		})
	}
}

func TestCachedUsers_WhoAreGoneAreForgotten(t *testing.T) {
	store, users, _ := cachedUsers(t, devtest.RedisClient(t, devtest.Redis(t)), past)
	time.Sleep(2 * past)
	store.err = services.ErrNoUser
	if _, err := users.Get(t.Context(), 1); !errors.Is(err, services.ErrNoUser) {
		t.Errorf("a user who is gone: %v", err)
	}
	store.err = problem.ErrUnavailable
	if got, err := users.Get(t.Context(), 1); err == nil {
		t.Errorf("then, in an outage, there is %+v again", got)
	}
}

// Who has lost a right must not have it back for as long as another process asks.
func TestCachedUsers_PastTheirTimeAreNotGivenWhileAnotherProcessAsks(t *testing.T) {
	client := devtest.RedisClient(t, devtest.Redis(t))
	asking, slow, _ := cachedUsers(t, client, past)
	store, users, _ := cachedUsers(t, client, past)
	time.Sleep(2 * past)
	store.user.Role = services.Member
	before := asking.asked.Load()
	asking.hangs = make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = slow.Get(t.Context(), 1)
	}()
	devtest.Eventually(t, "the other process asks", func() bool { return asking.asked.Load() > before })
	if got, err := users.Get(t.Context(), 1); err != nil || got.IsAdmin() {
		t.Errorf("got %+v, %v", got, err)
	}
	close(asking.hangs)
	<-done
}

func TestCachedUsers_ChangesHoldAtOnce(t *testing.T) {
	db := open(t, devtest.Database(t), true)
	ada, values := newUser(t, db, "ada@example.com"), newCache(t, devtest.RedisClient(t, devtest.Redis(t)))
	users := repositories.NewCachedUsers(repositories.NewUsers(db), values, repositories.CacheTimes{TTL: time.Hour})
	for _, change := range []func(context.Context) (services.User, error){
		func(ctx context.Context) (services.User, error) { return users.SetRole(ctx, ada.ID, services.Admin) },
		func(ctx context.Context) (services.User, error) { return users.SetPassword(ctx, ada.ID, 0, "another") },
		func(ctx context.Context) (services.User, error) { return users.EndSessions(ctx, ada.ID) },
	} {
		if _, err := users.Get(t.Context(), ada.ID); err != nil { // now it is in memory
			t.Fatal(err)
		}
		want, err := change(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want.PasswordHash = "" // is not cached
		if got, err := users.Get(t.Context(), ada.ID); got != want || err != nil {
			t.Errorf("got %+v, error %v, want %+v", got, err, want)
		}
	}
	if err := users.Delete(t.Context(), ada.ID, 0); err != nil {
		t.Fatal(err)
	}
	if got, err := users.Get(t.Context(), ada.ID); !errors.Is(err, services.ErrNoUser) {
		t.Errorf("deleted, and there is %+v, error %v", got, err)
	}
}
