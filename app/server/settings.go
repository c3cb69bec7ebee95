package server

import (
	"log/slog"
	"runtime"
	"time"

	"example.com/prefab/app/settings"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/repositories/redisclient"
)

// Environment is where the program runs.
type Environment string

// The environments.
const (
	Development Environment = "development"
	Production  Environment = "production"
)

// Settings are those of the processes, their listeners and their pools. .env.example
// explains each.
type Settings struct {
	Env  Environment `env:"APP_ENV" default:"development" oneof:"development,production"`
	Host string      `env:"HOST" default:"127.0.0.1"`
	Port int         `env:"PORT" default:"3000" min:"0" max:"65535"`

	AdminAddr    string `env:"ADMIN_ADDR" default:"127.0.0.1:3001" empty:"nowhere"`
	HealthDetail *bool  `env:"HEALTH_DETAIL"`
	OpsActions   bool   `env:"OPS_ACTIONS" default:"false"`
	OpsProfiles  bool   `env:"OPS_PROFILES" default:"false"`

	Prefork *bool `env:"PREFORK"`
	Workers int   `env:"WORKERS" default:"0" min:"0" max:"1024"`

	DatabaseURL        settings.ServerURL `env:"DATABASE_URL"`
	DatabaseReplicaURL settings.ServerURL `env:"DATABASE_REPLICA_URL"`
	DatabasePrepared   bool               `env:"DATABASE_PREPARED" default:"true"`
	SQLComments        bool               `env:"SQL_COMMENTS" default:"false"`
	DatabaseMaxConns   int                `env:"DATABASE_MAX_CONNS" default:"20" min:"2" max:"10000"`
	RedisURL           settings.ServerURL `env:"REDIS_URL"`
	RedisMaxConns      int                `env:"REDIS_MAX_CONNS" default:"50" min:"1" max:"10000"`

	TrustedProxies settings.Networks `env:"TRUSTED_PROXIES"`
	CORSOrigins    settings.Origins  `env:"CORS_ORIGINS"`

	RequestTimeout  time.Duration `env:"REQUEST_TIMEOUT" default:"10s" min:"100ms" max:"1h"`
	ReadTimeout     time.Duration `env:"READ_TIMEOUT" default:"10s" min:"100ms" max:"1h"`
	WriteTimeout    time.Duration `env:"WRITE_TIMEOUT" default:"30s" min:"100ms" max:"1h"`
	IdleTimeout     time.Duration `env:"IDLE_TIMEOUT" default:"75s" min:"1s" max:"1h"`
	BodyLimit       int           `env:"BODY_LIMIT" default:"1048576" min:"1024" max:"1073741824"`
	BodyBudget      int64         `env:"BODY_BUDGET" default:"33554432" min:"1024" max:"1099511627776"`
	HeaderLimit     int           `env:"HEADER_LIMIT" default:"8192" min:"1024" max:"1048576"`
	MaxConnections  int           `env:"MAX_CONNECTIONS" default:"10000" min:"1" max:"1000000"`
	StartTimeout    time.Duration `env:"START_TIMEOUT" default:"30s" min:"1s" max:"1h"`
	ShutdownDelay   time.Duration `env:"SHUTDOWN_DELAY" default:"0s" min:"0s" max:"1h"`
	ShutdownTimeout time.Duration `env:"SHUTDOWN_TIMEOUT" default:"20s" min:"1s" max:"1h"`

	SlowQueryThreshold   time.Duration `env:"SLOW_QUERY_THRESHOLD" default:"1s" min:"0s" max:"1h"`
	SlowRequestThreshold time.Duration `env:"SLOW_REQUEST_THRESHOLD" default:"1s" min:"0s" max:"1h"`

	MemoryCheckInterval time.Duration `env:"MEMORY_CHECK_INTERVAL" default:"30s" min:"1s" max:"24h"`
	MemoryThreshold     float64       `env:"MEMORY_THRESHOLD" default:"0.8" min:"0.1" max:"1"`
	HealthMaxHeapMB     float64       `env:"HEALTH_MAX_HEAP_MB" default:"1000" min:"1" max:"1048576"`

	LogLevel  slog.Level `env:"LOG_LEVEL" default:"info"`
	LogFormat string     `env:"LOG_FORMAT" oneof:"text,json"`
}

// minConns is how many connections a worker needs in each pool.
const minConns = 2

// Validate checks what the tags cannot say.
func (s *Settings) Validate(p *settings.Problems) {
	const tooFew = "%d need %d connections each of %s, which is %d"
	p.Check(s.Workers*minConns <= s.DatabaseMaxConns, "WORKERS", tooFew,
		s.Workers, minConns, "DATABASE_MAX_CONNS", s.DatabaseMaxConns)
	p.Check(s.Workers*minConns <= s.RedisMaxConns, "WORKERS", tooFew,
		s.Workers, minConns, "REDIS_MAX_CONNS", s.RedisMaxConns)
	p.Check(s.BodyBudget >= int64(s.BodyLimit), "BODY_BUDGET", "must not be below BODY_LIMIT")
	p.Check(s.WriteTimeout >= s.RequestTimeout, "WRITE_TIMEOUT", "must not be shorter than REQUEST_TIMEOUT")
	if s.DatabaseURL != "" {
		err := postgres.CheckURL(string(s.DatabaseURL))
		p.Check(err == nil, "DATABASE_URL", "%w", err)
	}
	if s.DatabaseReplicaURL != "" {
		err := postgres.CheckURL(string(s.DatabaseReplicaURL))
		p.Check(err == nil, "DATABASE_REPLICA_URL", "%w", err)
		p.Check(s.DatabaseURL != "", "DATABASE_REPLICA_URL", "is of no use without DATABASE_URL")
	}
	p.Check(s.RedisURL == "" || redisclient.CheckURL(string(s.RedisURL)) == nil, "REDIS_URL",
		"must be like redis://user:password@host:6379/0, or rediss://, or unix:///path, "+
			"or as docs/scale-out.md has it for Sentinel and Cluster")
	if s.Env == Production {
		p.Check(s.DatabaseURL != "", "DATABASE_URL", "is required in production, where no embedded PostgreSQL is run")
		p.Check(s.RedisURL != "", "REDIS_URL", "is required in production, where no embedded Redis is run")
	}
}

// Preforks reports whether several processes serve: in production, unless PREFORK is set.
func (s *Settings) Preforks() bool {
	if s.Prefork != nil {
		return *s.Prefork
	}
	return s.Env == Production
}

// ShowsHealthDetail reports whether the public port shows details: not in production, unless
// HEALTH_DETAIL is set.
func (s *Settings) ShowsHealthDetail() bool {
	if s.HealthDetail != nil {
		return *s.HealthDetail
	}
	return s.Env != Production
}

// WorkerCount returns how many processes serve: WORKERS, or one per core as far as the pools
// have connections for them.
func (s *Settings) WorkerCount() int {
	switch {
	case !s.Preforks():
		return 1
	case s.Workers > 0:
		return s.Workers
	}
	return max(1, min(runtime.GOMAXPROCS(0), s.DatabaseMaxConns/minConns, s.RedisMaxConns/minConns))
}

// ForWorker returns the settings of one worker: its part of the pools, whose sizes are
// set for the whole service.
func (s Settings) ForWorker() Settings {
	n := s.WorkerCount()
	s.DatabaseMaxConns = max(1, s.DatabaseMaxConns/n)
	s.RedisMaxConns = max(1, s.RedisMaxConns/n)
	return s
}

// LogsJSON reports whether the log is JSON: in production, unless LOG_FORMAT is set.
func (s *Settings) LogsJSON() bool {
	return s.LogFormat == "json" || s.LogFormat == "" && s.Env == Production
}
