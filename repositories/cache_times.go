package repositories

import "time"

// CacheTimes say how long the cached stores keep values.
type CacheTimes struct {
	TTL    time.Duration // in Redis
	Grace  time.Duration // after that, while PostgreSQL is away
	Absent time.Duration // of "no such row" and of empty lists
}
