package writebehind

import "time"

// Settings are the settings of a buffer. .env.example explains each.
type Settings struct {
	BatchSize  int           `env:"WRITE_BEHIND_BATCH_SIZE" default:"100" min:"1" max:"5000"`
	Interval   time.Duration `env:"WRITE_BEHIND_INTERVAL" default:"5s" min:"1s" max:"1h"`
	MaxPending int           `env:"WRITE_BEHIND_MAX_PENDING" default:"100000" min:"1" max:"10000000"`
}
