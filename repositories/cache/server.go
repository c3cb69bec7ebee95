package cache

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// runID names the server's process: another one may have lost what the first was
// told. A Cluster is the processes of all its masters, and is asked for them again
// and again, since the feed sees only the one that it hangs on.
func (c *Cache) runID(ctx context.Context) (string, error) {
	if c.single != nil {
		return runID(ctx, c.single)
	}
	cluster, ok := c.options.Client.(*redis.ClusterClient)
	if !ok {
		return "", nil
	}
	var mu sync.Mutex
	var ids []string
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		id, err := runID(ctx, master)
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, master.Options().Addr+" "+id) // the address, where INFO is not allowed
		return err
	})
	if err != nil {
		return "", err
	}
	slices.Sort(ids)
	return digest(strings.Join(ids, " ")), nil
}

func runID(ctx context.Context, server *redis.Client) (string, error) {
	info, err := server.InfoMap(ctx, "server").Result()
	if _, refused := errors.AsType[redis.Error](err); refused {
		return "", nil // not every server tells, miniredis for one
	}
	return info["Server"]["run_id"], err
}

// failoverAddr is what go-redis takes for the address of the master that Sentinels name.
const failoverAddr = "FailoverClient"

// sameServers checks that the masters, of a Cluster or that Sentinels name, are
// those of before. A replica is promoted only after its master has been away for
// longer than this is repeated, so that no process trusts a promoted one, which may
// lack the last invalidations, before the epoch has moved. The feed may hang on a
// master of before that lives on, and begins anew. With one server the feed tells.
func (c *Cache) sameServers(ctx context.Context) error {
	if !c.moves {
		return nil
	}
	now, err := c.runID(ctx)
	switch {
	case err != nil:
		c.circuit.masterAway()
	case now != *c.server.Load():
		c.voidAll()
		c.server.Store(&now)
		c.feed.leave()
	}
	return err
}
