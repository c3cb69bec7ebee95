package writebehind

import (
	"sync/atomic"
	"time"
)

// clock tells at least what Redis' clock shows, going by its last answer and the
// time since then. It does not use this machine's time of day.
type clock struct{ last atomic.Pointer[reading] }

type reading struct {
	redis int64     // its time, in microseconds
	at    time.Time // when the answer came
}

func (c *clock) learn(redis int64) { c.last.Store(&reading{redis: redis, at: time.Now()}) }

// at returns the least that Redis' clock shows at a moment to come, in microseconds.
// It is 0 before the first answer.
func (c *clock) at(moment time.Time) int64 {
	last := c.last.Load()
	if last == nil {
		return 0
	}
	now := time.Now()
	passed := now.Sub(last.at)
	passed -= passed / 10 // a clock that is being set right may run slower by that much
	return last.redis + (passed + moment.Sub(now)).Microseconds()
}
