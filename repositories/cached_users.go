package repositories

import (
	"context"
	"strconv"
	"time"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/services"
)

// CachedUsers remembers users for the time that their store is away, so that who
// is signed in can go on. As long as it is there, it is asked each time: rights
// can be taken away at once. Passwords are not remembered.
type CachedUsers struct {
	services.UserStore
	users *cache.Table[services.User]
}

// userTTL bounds by how much the rights that are remembered may lag behind.
const userTTL = 5 * time.Second

// RememberUsers returns the users of store, who remain who they were for the
// grace while it is away.
func RememberUsers(store services.UserStore, c *cache.Cache, times CacheTimes) *CachedUsers {
	return &CachedUsers{UserStore: store, users: cache.NewTable[services.User](c, cache.TableOptions{
		Name: "user", TTL: min(userTTL, times.TTL), Grace: times.Grace,
	})}
}

// Get is part of services.UserStore, but for the password's hash.
func (s *CachedUsers) Get(ctx context.Context, id int64) (services.User, error) {
	key := strconv.FormatInt(id, 10)
	tag := "user:" + key
	user, err := s.ask(ctx, id)
	if err != nil && services.CodeOf(err) != services.Unavailable {
		_ = s.users.Invalidate(ctx, tag) // nor is there to be such a user later on
		return user, err
	}
	user.PasswordHash = ""
	remembered, forgotten := s.users.Get(ctx, key, []string{tag}, func(context.Context) (services.User, error) {
		return user, err
	})
	if err == nil {
		return user, nil
	}
	return remembered, forgotten
}

// ask leaves half of the time to remember.
func (s *CachedUsers) ask(ctx context.Context, id int64) (services.User, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	return s.UserStore.Get(ctx, id)
}
