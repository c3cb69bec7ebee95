package repositories_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/services"
)

// people is a store of one user, or of none with an error.
type people struct {
	services.UserStore
	user services.User
	err  error
	hang bool
}

func (p *people) Get(ctx context.Context, _ int64) (services.User, error) {
	if p.hang {
		<-ctx.Done()
		return services.User{}, services.ErrUnavailable
	}
	return p.user, p.err
}

func newPeople(t *testing.T, times repositories.CacheTimes) (*people, *repositories.CachedUsers) {
	t.Helper()
	store := &people{user: services.User{ID: 1, Name: "Ada", Role: services.Admin, PasswordHash: "hash"}}
	return store, repositories.RememberUsers(store, newCache(t, openRedis(t, devtest.Redis(t))), times)
}

var anHour = repositories.CacheTimes{TTL: time.Hour, Grace: time.Hour}

func TestRememberedUsers_AreAskedAfreshAndGoOnWhileTheStoreIsAway(t *testing.T) {
	store, users := newPeople(t, anHour)
	wants := func(role services.Role) {
		t.Helper()
		if got, err := users.Get(t.Context(), 1); err != nil || got.Role != role || got.Name != "Ada" || got.PasswordHash != "" {
			t.Errorf("got %+v, %v; want the role %s", got, err, role)
		}
	}
	wants(services.Admin)
	store.user.Role = services.Member
	wants(services.Member) // at once
	store.err = services.ErrUnavailable
	if _, err := users.Get(t.Context(), 1); err != nil {
		t.Errorf("while the store is away: %v", err)
	}
	store.err = nil
	wants(services.Member)
}

func TestRememberedUsers_PastTheirTimeGoOnForTheGrace(t *testing.T) {
	store, users := newPeople(t, repositories.CacheTimes{TTL: time.Millisecond, Grace: time.Hour})
	eventually(t, "who is remembered is given as stale", func() bool {
		store.err = nil // anew, since a cache that has just started may void what it was given first
		if _, err := users.Get(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		store.err = services.ErrUnavailable
		trace := new(services.Trace)
		got, err := users.Get(services.WithTrace(t.Context(), trace), 1)
		return err == nil && got.Name == "Ada" && trace.Stale()
	})
}

func TestRememberedUsers_LeaveTimeToRememberWhereTheStoreHangs(t *testing.T) {
	store, users := newPeople(t, anHour)
	if _, err := users.Get(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	store.hang = true
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if got, err := users.Get(ctx, 1); err != nil || got.Name != "Ada" || ctx.Err() != nil {
		t.Errorf("got %+v, %v; the time is over: %v", got, err, ctx.Err())
	}
}

func TestRememberedUsers_WhoAreGoneAreForgotten(t *testing.T) {
	store, users := newPeople(t, anHour)
	if _, err := users.Get(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	store.err = services.ErrNoUser
	if _, err := users.Get(t.Context(), 1); !errors.Is(err, services.ErrNoUser) {
		t.Errorf("a user who is gone: %v", err)
	}
	store.err = services.ErrUnavailable
	if got, err := users.Get(t.Context(), 1); err == nil {
		t.Errorf("then, with the store away, there is %+v again", got)
	}
}

// By as much as the rights of someone who is remembered may lag behind.
func TestRememberedUsers_AreKeptForMomentsHoweverLongOthersAre(t *testing.T) {
	const remembered = "test:cache:{user:1}:e:*"
	client := openRedis(t, devtest.Redis(t))
	store := &people{user: services.User{ID: 1, Name: "Ada"}}
	users := repositories.RememberUsers(store, newCache(t, client), repositories.CacheTimes{TTL: time.Hour})
	eventually(t, "Redis has it", func() bool {
		if _, err := users.Get(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		return len(client.Keys(t.Context(), remembered).Val()) > 0
	})
	for _, key := range client.Keys(t.Context(), remembered).Val() {
		if left := client.PTTL(t.Context(), key).Val(); left > 5*time.Second {
			t.Errorf("%s is kept for %v", key, left)
		}
	}
}
