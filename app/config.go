package app

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/joho/godotenv"
)

// Config holds every setting. The environment gives them, then the file .env;
// .env.example tells what each one means. One that is empty has its default, unless
// it is tagged with what empty means.
type Config struct {
	Env  Environment `env:"APP_ENV" envDefault:"development"`
	Host string      `env:"HOST" envDefault:"127.0.0.1"`
	Port uint16      `env:"PORT" envDefault:"3000"`

	AdminAddr string `env:"ADMIN_ADDR" envDefault:"127.0.0.1:3001" empty:"nowhere"`

	HealthDetail string `env:"HEALTH_DETAIL"`

	Prefork string `env:"PREFORK"`
	Workers int    `env:"WORKERS" envDefault:"0"`

	DatabaseURL        ServerURL `env:"DATABASE_URL"`
	DatabaseReplicaURL ServerURL `env:"DATABASE_REPLICA_URL"`
	DatabasePrepared   bool      `env:"DATABASE_PREPARED" envDefault:"true"`
	DatabaseMaxConns   int       `env:"DATABASE_MAX_CONNS" envDefault:"20"`
	RedisURL           ServerURL `env:"REDIS_URL"`
	RedisMaxConns      int       `env:"REDIS_MAX_CONNS" envDefault:"50"`

	CacheTTL        time.Duration `env:"CACHE_TTL" envDefault:"1h"`
	CacheGrace      time.Duration `env:"CACHE_GRACE" envDefault:"1h"`
	CacheAbsentTTL  time.Duration `env:"CACHE_ABSENT_TTL" envDefault:"10s"`
	CacheL1TTL      time.Duration `env:"CACHE_L1_TTL" envDefault:"60s"`
	CacheL1MaxItems int           `env:"CACHE_L1_MAX_ITEMS" envDefault:"100000"`
	CacheL1MaxBytes int64         `env:"CACHE_L1_MAX_BYTES" envDefault:"67108864"`
	CacheValueLimit int           `env:"CACHE_VALUE_LIMIT" envDefault:"1048576"`
	CacheBudget     time.Duration `env:"CACHE_BUDGET" envDefault:"150ms"`
	HTTPCacheTTL    time.Duration `env:"HTTP_CACHE_TTL" envDefault:"10s"`

	CompressLevel    int `env:"COMPRESS_LEVEL" envDefault:"6"`
	CompressMinBytes int `env:"COMPRESS_MIN_BYTES" envDefault:"1024"`
	CompactMinBytes  int `env:"COMPACT_MIN_BYTES" envDefault:"5000"`

	WriteBehindBatchSize  int           `env:"WRITE_BEHIND_BATCH_SIZE" envDefault:"100"`
	WriteBehindInterval   time.Duration `env:"WRITE_BEHIND_INTERVAL" envDefault:"5s"`
	WriteBehindMaxPending int           `env:"WRITE_BEHIND_MAX_PENDING" envDefault:"100000"`

	SessionTTL          time.Duration `env:"SESSION_TTL" envDefault:"24h"`
	SignInLimit         int64         `env:"SIGN_IN_LIMIT" envDefault:"10"`
	SignInAccountLimit  int64         `env:"SIGN_IN_ACCOUNT_LIMIT" envDefault:"100"`
	SignInAddressLimit  int64         `env:"SIGN_IN_ADDRESS_LIMIT" envDefault:"100"`
	SignInWindow        time.Duration `env:"SIGN_IN_WINDOW" envDefault:"15m"`
	PasswordConcurrency int           `env:"PASSWORD_CONCURRENCY" envDefault:"2"`
	TrustedProxies      []string      `env:"TRUSTED_PROXIES"`

	RequestTimeout    time.Duration `env:"REQUEST_TIMEOUT" envDefault:"10s"`
	ExportTimeout     time.Duration `env:"EXPORT_TIMEOUT" envDefault:"15m"`
	ReadTimeout       time.Duration `env:"READ_TIMEOUT" envDefault:"10s"`
	WriteTimeout      time.Duration `env:"WRITE_TIMEOUT" envDefault:"30s"`
	IdleTimeout       time.Duration `env:"IDLE_TIMEOUT" envDefault:"75s"`
	BodyLimit         int           `env:"BODY_LIMIT" envDefault:"1048576"`
	BodyBudget        int64         `env:"BODY_BUDGET" envDefault:"33554432"`
	HeaderLimit       int           `env:"HEADER_LIMIT" envDefault:"8192"`
	ExportConcurrency int           `env:"EXPORT_CONCURRENCY" envDefault:"2"`
	MaxConnections    int           `env:"MAX_CONNECTIONS" envDefault:"10000"`
	StartTimeout      time.Duration `env:"START_TIMEOUT" envDefault:"30s"`
	ShutdownDelay     time.Duration `env:"SHUTDOWN_DELAY" envDefault:"0s"`
	ShutdownTimeout   time.Duration `env:"SHUTDOWN_TIMEOUT" envDefault:"20s"`

	SlowQueryThreshold   time.Duration `env:"SLOW_QUERY_THRESHOLD" envDefault:"1s"`
	SlowQueryExplain     bool          `env:"SLOW_QUERY_EXPLAIN" envDefault:"false"`
	SlowRequestThreshold time.Duration `env:"SLOW_REQUEST_THRESHOLD" envDefault:"1s"`
	PruneAfter           time.Duration `env:"PRUNE_AFTER" envDefault:"720h"`

	MemoryCheckInterval time.Duration `env:"MEMORY_CHECK_INTERVAL" envDefault:"30s"`
	MemoryThreshold     float64       `env:"MEMORY_THRESHOLD" envDefault:"0.8"`
	HealthMaxHeapMB     float64       `env:"HEALTH_MAX_HEAP_MB" envDefault:"1000"`

	LogLevel  slog.Level `env:"LOG_LEVEL" envDefault:"info"`
	LogFormat string     `env:"LOG_FORMAT"`

	proxies []netip.Prefix // TrustedProxies, parsed
}

// LoadConfig reads the settings from environ, as os.Environ gives it, and from
// the file where the environment is silent; there need not be a file. It
// reports everything that is wrong at once.
func LoadConfig(environ []string, file string) (Config, error) {
	settings, err := readSettings(file)
	if err != nil {
		return Config{}, err
	}
	maps.Copy(settings, env.ToMap(environ))

	var cfg Config
	problems, unparsed := parseProblems(env.ParseWithOptions(&cfg, env.Options{Environment: settings}))
	cfg.empty(settings)
	if cfg.LogFormat == "" {
		cfg.LogFormat = "text"
		if cfg.Env == Production {
			cfg.LogFormat = "json"
		}
	}
	problems = append(problems, cfg.validate(unparsed)...)
	if len(problems) > 0 {
		return Config{}, fmt.Errorf("the settings are not usable:\n%w", errors.Join(problems...))
	}
	return cfg, nil
}

// readSettings reads a file of NAME=value lines, if there is one.
func readSettings(file string) (map[string]string, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the caller names it, no visitor
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the settings: %w", err)
	}
	settings, err := godotenv.UnmarshalBytes(bytes.TrimPrefix(text, []byte("\ufeff"))) // editors on Windows begin so
	if err != nil {
		return nil, fmt.Errorf("read %s: the file is not made of NAME=value lines", file) // the cause quotes them
	}
	return settings, nil
}

// empty empties what is set to nothing where that has a meaning: env sets the default.
func (c *Config) empty(settings map[string]string) {
	value := reflect.ValueOf(c).Elem()
	for _, field := range reflect.VisibleFields(value.Type()) {
		_, means := field.Tag.Lookup("empty")
		if text, set := settings[field.Tag.Get("env")]; means && set && text == "" {
			value.FieldByIndex(field.Index).SetZero()
		}
	}
}

// parseProblems tells of the settings that could not be parsed, by their names,
// where env tells of fields.
func parseProblems(err error) (problems []error, names map[string]bool) {
	all, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		if err != nil {
			problems = append(problems, err)
		}
		return problems, nil
	}
	names = make(map[string]bool)
	for _, one := range all.Errors {
		if parse, ok := errors.AsType[env.ParseError](one); ok {
			field, _ := reflect.TypeFor[Config]().FieldByName(parse.Name)
			name := field.Tag.Get("env")
			names[name] = true
			one = fmt.Errorf("%s: must be %s", name, kindOf(parse.Type))
		}
		problems = append(problems, one)
	}
	return problems, names
}

func kindOf(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a duration such as 500ms, 10s or 24h"
	case t == reflect.TypeFor[slog.Level]():
		return "debug, info, warn or error"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Uint16:
		return "a whole number from 0 to 65535"
	case strings.HasPrefix(t.Kind().String(), "float"):
		return "a number"
	}
	return "a whole number in its range"
}
