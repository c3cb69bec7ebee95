package repositories

import (
	"context"
	"time"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/services"
)

// CachedUsersLinks are links whose effects on users hold at once in all processes.
type CachedUsersLinks struct {
	services.AccountLinkStore
	cache *cache.Cache
}

// NewCachedUsersLinks returns the links of store, whose users are cached in c.
func NewCachedUsersLinks(store services.AccountLinkStore, c *cache.Cache) *CachedUsersLinks {
	return &CachedUsersLinks{AccountLinkStore: store, cache: c}
}

// ResetPassword is part of services.AccountLinkStore.
func (s *CachedUsersLinks) ResetPassword(
	ctx context.Context, l services.AccountLink, at time.Time, hash string,
) (u services.User, err error) {
	err = s.cache.Write(ctx, []string{userTag(l.UserID)}, func(ctx context.Context) error {
		u, err = s.AccountLinkStore.ResetPassword(ctx, l, at, hash)
		return err
	})
	return u, err
}

// ChangeEmail is part of services.AccountLinkStore.
func (s *CachedUsersLinks) ChangeEmail(
	ctx context.Context, l services.AccountLink, at time.Time, notice services.AccountMail,
) (u services.User, err error) {
	err = s.cache.Write(ctx, []string{userTag(l.UserID)}, func(ctx context.Context) error {
		u, err = s.AccountLinkStore.ChangeEmail(ctx, l, at, notice)
		return err
	})
	return u, err
}
