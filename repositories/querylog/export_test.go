package querylog

import "time"

// ShortenServerTimeout is for tests in which the server is gone.
func ShortenServerTimeout() { serverTimeout = time.Second }
