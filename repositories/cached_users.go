package repositories

import (
	"context"
	"errors"
	"strconv"
	"time"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/services"
)

// CacheTimes say how long the cached stores keep values.
type CacheTimes struct {
	TTL    time.Duration // in Redis
	Grace  time.Duration // after that, while PostgreSQL is down
	Absent time.Duration // of "no such row" and of empty lists
}

// CachedUsers caches users for some seconds, so that not every request of a session
// queries the database, and for the grace while PostgreSQL is down, so that sessions go
// on. Password hashes are not cached.
type CachedUsers struct {
	services.UserStore
	cache *cache.Cache
	users *cache.Table[services.User]
}

// userTTL bounds how long a role still counts after it was taken away by SQL. Code that
// changes a user must do so in cache.Write, with the user's tag.
const userTTL = 5 * time.Second

// UserTag is the tag of one user.
const UserTag = userTagBegin + "{id}"

const userTagBegin = "user:"

func userTag(id int64) string { return userTagBegin + strconv.FormatInt(id, 10) }

// NewCachedUsers returns the users of store, cached.
func NewCachedUsers(store services.UserStore, c *cache.Cache, times CacheTimes) *CachedUsers {
	return &CachedUsers{UserStore: store, cache: c, users: cache.NewTable[services.User](c, cache.TableOptions{
		Name: "user", TTL: min(userTTL, times.TTL), Grace: times.Grace, Guard: true,
	})}
}

// Get is part of services.UserStore, without the password's hash.
func (s *CachedUsers) Get(ctx context.Context, id int64) (services.User, error) {
	key, tag := strconv.FormatInt(id, 10), userTag(id)
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

// SetRole is part of services.UserStore.
func (s *CachedUsers) SetRole(ctx context.Context, id int64, role services.Role) (u services.User, err error) {
	err = s.write(ctx, id, func(ctx context.Context) error {
		u, err = s.UserStore.SetRole(ctx, id, role)
		return err
	})
	return u, err
}

// SetPassword is part of services.UserStore.
func (s *CachedUsers) SetPassword(ctx context.Context, id, version int64, hash string) (u services.User, err error) {
	err = s.write(ctx, id, func(ctx context.Context) error {
		u, err = s.UserStore.SetPassword(ctx, id, version, hash)
		return err
	})
	return u, err
}

// EndSessions is part of services.UserStore.
func (s *CachedUsers) EndSessions(ctx context.Context, id int64) (u services.User, err error) {
	err = s.write(ctx, id, func(ctx context.Context) error {
		u, err = s.UserStore.EndSessions(ctx, id)
		return err
	})
	return u, err
}

// Delete is part of services.UserStore.
func (s *CachedUsers) Delete(ctx context.Context, id, version int64) error {
	return s.write(ctx, id, func(ctx context.Context) error { return s.UserStore.Delete(ctx, id, version) })
}

func (s *CachedUsers) write(ctx context.Context, id int64, write func(context.Context) error) error {
	return s.cache.Write(ctx, []string{userTag(id)}, write)
}
