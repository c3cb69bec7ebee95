package cache

import "time"

// Settings are the settings of a service's cache. .env.example explains each.
type Settings struct {
	TTL       time.Duration `env:"CACHE_TTL" default:"1h" min:"0s" max:"24h"`
	Grace     time.Duration `env:"CACHE_GRACE" default:"1h" min:"0s" max:"24h"`
	AbsentTTL time.Duration `env:"CACHE_ABSENT_TTL" default:"10s" min:"1ms" max:"1h"`

	MemoryTTL  time.Duration `env:"CACHE_L1_TTL" default:"60s" min:"1ms" max:"1m"`
	MaxItems   int           `env:"CACHE_L1_MAX_ITEMS" default:"100000" min:"1" max:"10000000"`
	MaxBytes   int64         `env:"CACHE_L1_MAX_BYTES" default:"67108864" min:"65536" max:"1099511627776"`
	ValueLimit int           `env:"CACHE_VALUE_LIMIT" default:"1048576" min:"1024" max:"536870912"`
	Budget     time.Duration `env:"CACHE_BUDGET" default:"150ms" min:"1ms" max:"10s"`
}
