package repositories

import (
	"context"
	"errors"
	"strconv"
	"time"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/services"
)

// CacheTimes say how long values are kept.
type CacheTimes struct {
	TTL    time.Duration // in Redis
	Grace  time.Duration // after that, while PostgreSQL is away
	Absent time.Duration // what is not there
}

// CachedUsers keeps users for some seconds, so that a request of somebody who is
// signed in need not ask for them, and for as long as their store is away, so that
// they can go on. Passwords are not kept.
type CachedUsers struct {
	services.UserStore
	users *cache.Table[services.User]
}

// userTTL bounds how long a right still counts that was taken away past this
// program. Whatever of the program changes a user names the tag in Write.
const userTTL = 5 * time.Second

// UserTag is the tag of one user.
const UserTag = userTagBegin + "{id}"

const userTagBegin = "user:"

// CacheUsers returns the users of store, cached.
func CacheUsers(store services.UserStore, c *cache.Cache, times CacheTimes) *CachedUsers {
	return &CachedUsers{UserStore: store, users: cache.NewTable[services.User](c, cache.TableOptions{
		Name: "user", TTL: min(userTTL, times.TTL), Grace: times.Grace, Guard: true,
	})}
}

// Get is part of services.UserStore, but for the password's hash.
func (s *CachedUsers) Get(ctx context.Context, id int64) (services.User, error) {
	key := strconv.FormatInt(id, 10)
	tag := userTagBegin + key
	user, err := s.users.Get(ctx, key, []string{tag}, func(ctx context.Context) (services.User, error) {
		user, err := s.UserStore.Get(ctx, id)
		user.PasswordHash = ""
		return user, err
	})
	if errors.Is(err, services.ErrNoUser) {
		_ = s.users.Invalidate(ctx, tag) // so that an outage cannot bring a deleted user back
	}
	return user, err
}
