package repositories

import (
	"context"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/services"
)

// CachedTokens caches tokens as CachedUsers does users: for some seconds, and for the grace
// while PostgreSQL is down. A token that is not there is looked for each time, since
// anybody can invent them.
type CachedTokens struct {
	services.TokenStore
	cache  *cache.Cache
	tokens *cache.Table[services.Token]
}

// NewCachedTokens returns the tokens of store, cached.
func NewCachedTokens(store services.TokenStore, c *cache.Cache, times CacheTimes) *CachedTokens {
	return &CachedTokens{TokenStore: store, cache: c, tokens: cache.NewTable[services.Token](c, cache.TableOptions{
		Name: "token", TTL: min(userTTL, times.TTL), Grace: times.Grace, Guard: true,
	})}
}

func tokenTag(hash string) string { return "token:" + hash }

// Find is part of services.TokenStore.
func (s *CachedTokens) Find(ctx context.Context, hash string) (services.Token, error) {
	return s.tokens.Get(ctx, hash, []string{tokenTag(hash)}, func(ctx context.Context) (services.Token, error) {
		return s.TokenStore.Find(ctx, hash)
	})
}

// Delete is part of services.TokenStore.
func (s *CachedTokens) Delete(ctx context.Context, userID, id int64) error {
	token, err := s.Get(ctx, userID, id)
	if err != nil {
		return err
	}
	return s.cache.Write(ctx, []string{tokenTag(token.Hash)}, func(ctx context.Context) error {
		return s.TokenStore.Delete(ctx, userID, id)
	})
}
