package cache

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// checkServer checks that the masters, of a Cluster or those that Sentinels name, are the
// same as before. A replica is promoted only after its master was away for longer than
// the heartbeat's interval, so no process reads a promoted one, which may lack the last
// invalidations, before the epoch has changed. The subscription may hang on an old master
// that lives on, so it begins anew. With one server the subscription tells.
func (c *Cache) checkServer(ctx context.Context) error {
	// go-redis gives this address to a client of Sentinels.
	if c.single != nil && c.single.Options().Addr != "FailoverClient" {
		return nil
	}
	server, err := c.runID(ctx)
	switch {
	case err != nil:
		c.circuit.open(&c.circuit.readsOff, "its master does not answer")
	case server != *c.server.Load():
		c.voidAll()
		c.server.Store(&server)
		if cancel := c.subscription.cancel.Load(); cancel != nil {
			(*cancel)()
		}
	}
	return err
}

// runID returns the id of the server's process: another one may lack invalidations. For
// a Cluster it stands for all masters.
func (c *Cache) runID(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
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
		ids = append(ids, master.Options().Addr+" "+id) // the address, if INFO is not allowed
		return err
	})
	slices.Sort(ids)
	return digest(strings.Join(ids, " ")), err
}

func runID(ctx context.Context, server *redis.Client) (string, error) {
	info, err := server.InfoMap(ctx, "server").Result()
	if _, refused := errors.AsType[redis.Error](err); refused {
		return "", nil // not every server tells, miniredis does not
	}
	return info["Server"]["run_id"], err
}
