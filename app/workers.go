package app

import (
	"runtime"
	"strconv"

	"example.com/prefab/app/prefork"
)

// minConns is what a worker needs at least of each pool.
const minConns = 2

// preforks reports whether several processes serve.
func (c *Config) preforks() bool {
	on, err := strconv.ParseBool(c.Prefork)
	return on || err != nil && c.Env == Production
}

// workers returns how many processes serve: as set, or one per core, as far as
// the pools suffice.
func (c *Config) workers() int {
	switch {
	case !c.preforks():
		return 1
	case c.Workers > 0:
		return c.Workers
	}
	return max(1, min(runtime.GOMAXPROCS(0), c.DatabaseMaxConns/minConns, c.RedisMaxConns/minConns))
}

// share returns the settings of one worker: its part of the pools, which are set
// for the whole service.
func (c Config) share() Config {
	n := c.workers()
	c.DatabaseMaxConns = max(1, c.DatabaseMaxConns/n)
	c.RedisMaxConns = max(1, c.RedisMaxConns/n)
	return c
}

// countReady returns how many workers serve, of how many.
func countReady(slots []prefork.Slot) (ready, all int) {
	for _, slot := range slots {
		if slot.State == prefork.Ready {
			ready++
		}
	}
	return ready, len(slots)
}
