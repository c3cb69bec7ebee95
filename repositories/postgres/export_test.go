package postgres

import "time"

// SetMaxLag sets how far the replica may be behind.
func (r *Replica) SetMaxLag(lag time.Duration) { r.maxLag = lag }
