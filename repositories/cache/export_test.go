package cache

import "context"

// ForgetLeases makes the cache fill as caches without leases do: under the
// generations that hold after the load.
func (c *Cache) ForgetLeases() {
	c.beforeFill = func(ctx context.Context, l *lease) {
		token, owned := l.token, l.owned
		if _, err := c.read(ctx, l); err == nil {
			_ = c.claim(ctx, l)
		}
		l.token, l.owned = token, owned
	}
}

// Trusted reports whether the cache uses Redis, and hears of what others invalidate.
func (c *Cache) Trusted() bool { return c.trust.given() }
