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

func newPeople() *people {
	return &people{user: services.User{ID: 1, Name: "Ada", Role: services.Admin, PasswordHash: "hash"}}
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

var anHour = repositories.CacheTimes{TTL: time.Hour, Grace: time.Hour}

func cacheUsers(t *testing.T, ttl time.Duration) (*people, *repositories.CachedUsers, *cache.Cache) {
	t.Helper()
	return cacheUsersIn(t, devtest.RedisClient(t, devtest.Redis(t)), ttl)
}

func cacheUsersIn(
	t *testing.T, client redis.UniversalClient, ttl time.Duration,
) (*people, *repositories.CachedUsers, *cache.Cache) {
	t.Helper()
	store, values := newPeople(), newCache(t, client)
	users := repositories.NewCachedUsers(store, values, repositories.CacheTimes{TTL: ttl, Grace: time.Hour})
	devtest.Eventually(t, "the cache keeps users", func() bool { // one that has just started may void its first
		asked := store.asked.Load()
		for range 2 {
			if _, err := users.Get(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
		}
		return ttl < time.Second || store.asked.Load() == asked
	})
	return store, users, values
}

// past is a time to live after which a user has to be looked for again at once.
const past = time.Millisecond

// What a session has written a moment ago does not change who it is.
func TestCachedUsers_AreNotAskedForAtEachRequest(t *testing.T) {
	client := devtest.RedisClient(t, devtest.Redis(t))
	store, users, _ := cacheUsersIn(t, client, time.Hour)
	before := store.asked.Load()
	for _, key := range client.Keys(t.Context(), "*user*").Val() {
		client.Del(t.Context(), key) // memory alone holds the user
	}
	ctx := tracing.With(t.Context(), &tracing.Trace{Fresh: true})
	for range 10 {
		if got, err := users.Get(ctx, 1); err != nil || got.Name != "Ada" || got.PasswordHash != "" {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	if n := store.asked.Load() - before; n > 0 {
		t.Errorf("PostgreSQL is asked %d times", n)
	}
}

func TestCachedUsers_ARightTakenAwayByTheProgramIsGoneAtOnce(t *testing.T) {
	store, users, values := cacheUsers(t, time.Hour)
	err := values.Write(t.Context(), []string{"user:1"}, func(context.Context) error {
		store.user.Role = services.Member
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := users.Get(t.Context(), 1); err != nil || got.IsAdmin() {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestCachedUsers_PastTheirTimeGoOnForTheGrace(t *testing.T) {
	store, users, _ := cacheUsers(t, past)
	givenAsStale(t, store, users, func() { store.err = problem.ErrUnavailable })
}

func TestCachedUsers_LeaveTimeToGoOnWhereTheStoreHangs(t *testing.T) {
	store, users, _ := cacheUsers(t, past)
	givenAsStale(t, store, users, func() { store.hangs = make(chan struct{}) })
}

// givenAsStale requires the cached user from before the fault, within the request's time.
// It tries anew, since a cache that has just started may void what it was given first.
func givenAsStale(t *testing.T, store *people, users *repositories.CachedUsers, fault func()) {
	t.Helper()
	devtest.Eventually(t, "who is cached is given as stale", func() bool {
		store.err, store.hangs = nil, nil
		if _, err := users.Get(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * past)
		fault()
		trace := new(tracing.Trace)
		ctx, cancel := context.WithTimeout(tracing.With(t.Context(), trace), 2*time.Second)
		defer cancel()
		got, err := users.Get(ctx, 1)
		return err == nil && got.Name == "Ada" && trace.Stale() && ctx.Err() == nil
	})
}

// Who has lost a right must not have it back for as long as another process asks.
func TestCachedUsers_PastTheirTimeAreNotGivenWhileAnotherProcessAsks(t *testing.T) {
	client := devtest.RedisClient(t, devtest.Redis(t))
	process := func() (*people, *repositories.CachedUsers) {
		store := newPeople()
		return store, repositories.NewCachedUsers(
			store, newCache(t, client), repositories.CacheTimes{TTL: past, Grace: time.Hour})
	}
	asking, slow := process()
	store, users := process()
	devtest.Eventually(t, "Redis has the user", func() bool {
		if _, err := users.Get(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		return client.Exists(t.Context(), "test:cache:{user:1}:e:user:1").Val() == 1
	})
	time.Sleep(2 * past)
	store.user.Role = services.Member
	asking.hangs = make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = slow.Get(t.Context(), 1)
	}()
	devtest.Eventually(t, "the other process asks", func() bool { return asking.asked.Load() > 0 })
	if got, err := users.Get(t.Context(), 1); err != nil || got.IsAdmin() {
		t.Errorf("got %+v, %v", got, err)
	}
	close(asking.hangs)
	<-done
}

func TestCachedUsers_WhoAreGoneAreForgotten(t *testing.T) {
	store, users, _ := cacheUsers(t, past)
	time.Sleep(2 * past)
	store.err = services.ErrNoUser
	if _, err := users.Get(t.Context(), 1); !errors.Is(err, services.ErrNoUser) {
		t.Errorf("a user who is gone: %v", err)
	}
	store.err = problem.ErrUnavailable
	if got, err := users.Get(t.Context(), 1); err == nil {
		t.Errorf("then, with the store away, there is %+v again", got)
	}
}

// By as much a right that is taken away in the database may lag behind.
func TestCachedUsers_AreKeptForMomentsHoweverLongOthersAre(t *testing.T) {
	const key = "test:cache:{user:1}:e:user:1"
	client := devtest.RedisClient(t, devtest.Redis(t))
	users := repositories.NewCachedUsers(newPeople(), newCache(t, client), repositories.CacheTimes{TTL: time.Hour})
	devtest.Eventually(t, "Redis has it", func() bool {
		if _, err := users.Get(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		return client.Exists(t.Context(), key).Val() == 1
	})
	if left := client.PTTL(t.Context(), key).Val(); left > 5*time.Second {
		t.Errorf("%s is kept for %v", key, left)
	}
}
