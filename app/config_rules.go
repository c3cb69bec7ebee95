package app

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

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

// ServerURL is the address of a server, with its password. It prints masked;
// only the conversion to string gives it whole.
type ServerURL string

// String masks the password, or all of it where it is not a URL.
func (u ServerURL) String() string {
	if u == "" {
		return ""
	}
	parsed, err := url.Parse(string(u))
	if err != nil || parsed.Scheme == "" {
		return "xxxxx"
	}
	query, err := url.ParseQuery(parsed.RawQuery)
	if err != nil {
		return "xxxxx"
	}
	for name := range query {
		if strings.Contains(strings.ToLower(name), "password") {
			query.Set(name, "xxxxx")
			parsed.RawQuery = query.Encode()
		}
	}
	return parsed.Redacted()
}

// MarshalText masks too, for logs and JSON.
func (u ServerURL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// validate returns what is wrong with the settings. Those that could not be
// parsed are zero, and have been told of.
func (c *Config) validate(unparsed map[string]bool) []error {
	var problems []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	check(c.Env == Development || c.Env == Production, "APP_ENV: must be development or production")
	_, err := strconv.ParseBool(c.Prefork)
	check(c.Prefork == "" || err == nil, "PREFORK: must be true, false or empty")
	_, err = strconv.ParseBool(c.HealthDetail)
	check(c.HealthDetail == "" || err == nil, "HEALTH_DETAIL: must be true, false or empty")
	if inner, ok := strings.CutPrefix(c.Host, "["); ok { // as a URL has it
		c.Host = strings.TrimSuffix(inner, "]")
	}
	check(isHost(c.Host), "HOST: must be an address such as 127.0.0.1, ::1 or 0.0.0.0, or a host's name; "+
		"the port is a setting of its own")
	check(c.AdminAddr == "" || isHostPort(c.AdminAddr),
		"ADMIN_ADDR: must be like 127.0.0.1:3001, [::1]:3001 or :3001 with a port from 0 to 65535, or empty")
	check(c.Workers*minConns <= c.DatabaseMaxConns || unparsed["DATABASE_MAX_CONNS"],
		"WORKERS: %d need %d connections each of DATABASE_MAX_CONNS, which is %d", c.Workers, minConns, c.DatabaseMaxConns)
	check(c.Workers*minConns <= c.RedisMaxConns || unparsed["REDIS_MAX_CONNS"],
		"WORKERS: %d need %d connections each of REDIS_MAX_CONNS, which is %d", c.Workers, minConns, c.RedisMaxConns)
	check(c.LogFormat == "text" || c.LogFormat == "json", "LOG_FORMAT: must be text or json")
	err = postgres.CheckURL(string(c.DatabaseURL))
	check(c.DatabaseURL == "" || err == nil, "DATABASE_URL: %w", err)
	err = postgres.CheckURL(string(c.DatabaseReplicaURL))
	check(c.DatabaseReplicaURL == "" || err == nil, "DATABASE_REPLICA_URL: %w", err)
	check(c.DatabaseReplicaURL == "" || c.DatabaseURL != "", "DATABASE_REPLICA_URL: is of no use without DATABASE_URL")
	check(c.RedisURL == "" || redisclient.CheckURL(string(c.RedisURL)) == nil,
		"REDIS_URL: must be like redis://user:password@host:6379/0, or rediss://, or unix:///path, "+
			"or as docs/scale-out.md has it for Sentinel and Cluster")
	if c.Env == Production {
		check(c.DatabaseURL != "", "DATABASE_URL: is required in production, where no embedded PostgreSQL is run")
		check(c.RedisURL != "", "REDIS_URL: is required in production, where no embedded Redis is run")
	}
	for _, proxy := range c.TrustedProxies {
		prefix, err := parsePrefix(strings.TrimSpace(proxy))
		check(err == nil, "TRUSTED_PROXIES: %q is neither an address nor a network such as 10.0.0.0/8", proxy)
		c.proxies = append(c.proxies, prefix)
	}
	return append(problems, c.bounds(unparsed)...)
}

func (c *Config) bounds(unparsed map[string]bool) []error {
	var problems []error
	between := func(name string, value, low, high float64) {
		if !unparsed[name] && !(value >= low && value <= high) { // written so that NaN is refused
			problems = append(problems, fmt.Errorf("%s: must be from %s to %s", name, plain(low), plain(high)))
		}
	}
	lasting := func(name string, value, low, high time.Duration) {
		if !unparsed[name] && (value < low || value > high) {
			problems = append(problems, fmt.Errorf("%s: must be from %s to %s", name, brief(low), brief(high)))
		}
	}
	between("WORKERS", float64(c.Workers), 0, 1024)
	between("DATABASE_MAX_CONNS", float64(c.DatabaseMaxConns), minConns, 10_000)
	between("REDIS_MAX_CONNS", float64(c.RedisMaxConns), 1, 10_000)
	between("CACHE_L1_MAX_ITEMS", float64(c.CacheL1MaxItems), 1, 10_000_000)
	between("CACHE_L1_MAX_BYTES", float64(c.CacheL1MaxBytes), 1<<16, 1<<40)
	between("CACHE_VALUE_LIMIT", float64(c.CacheValueLimit), 1024, 1<<29)
	between("COMPRESS_LEVEL", float64(c.CompressLevel), 0, 9)
	between("COMPRESS_MIN_BYTES", float64(c.CompressMinBytes), 0, 1<<30)
	between("COMPACT_MIN_BYTES", float64(c.CompactMinBytes), 0, 1<<30)
	between("WRITE_BEHIND_BATCH_SIZE", float64(c.WriteBehindBatchSize), 1, 5000)
	between("WRITE_BEHIND_MAX_PENDING", float64(c.WriteBehindMaxPending), 1, 10_000_000)
	between("SIGN_IN_LIMIT", float64(c.SignInLimit), 1, 1_000_000)
	between("SIGN_IN_ACCOUNT_LIMIT", float64(c.SignInAccountLimit), 1, 1_000_000)
	between("SIGN_IN_ADDRESS_LIMIT", float64(c.SignInAddressLimit), 1, 1_000_000)
	between("PASSWORD_CONCURRENCY", float64(c.PasswordConcurrency), 1, 1024)
	between("BODY_LIMIT", float64(c.BodyLimit), 1024, 1<<30)
	between("BODY_BUDGET", float64(c.BodyBudget), 1024, 1<<40)
	between("HEADER_LIMIT", float64(c.HeaderLimit), 1024, 1<<20)
	between("EXPORT_CONCURRENCY", float64(c.ExportConcurrency), 1, 1000)
	between("MAX_CONNECTIONS", float64(c.MaxConnections), 1, 1_000_000)
	between("MEMORY_THRESHOLD", c.MemoryThreshold, 0.1, 1)
	between("HEALTH_MAX_HEAP_MB", c.HealthMaxHeapMB, 1, 1<<20)
	lasting("CACHE_TTL", c.CacheTTL, 0, 24*time.Hour)
	lasting("CACHE_GRACE", c.CacheGrace, 0, 24*time.Hour)
	lasting("CACHE_ABSENT_TTL", c.CacheAbsentTTL, time.Millisecond, time.Hour)
	lasting("CACHE_L1_TTL", c.CacheL1TTL, time.Millisecond, time.Minute)
	lasting("CACHE_BUDGET", c.CacheBudget, time.Millisecond, 10*time.Second)
	lasting("HTTP_CACHE_TTL", c.HTTPCacheTTL, 0, 24*time.Hour)
	lasting("WRITE_BEHIND_INTERVAL", c.WriteBehindInterval, time.Second, time.Hour)
	lasting("SESSION_TTL", c.SessionTTL, time.Minute, 365*24*time.Hour)
	lasting("SIGN_IN_WINDOW", c.SignInWindow, time.Second, 24*time.Hour)
	lasting("REQUEST_TIMEOUT", c.RequestTimeout, 100*time.Millisecond, time.Hour)
	lasting("EXPORT_TIMEOUT", c.ExportTimeout, time.Second, 24*time.Hour)
	lasting("READ_TIMEOUT", c.ReadTimeout, 100*time.Millisecond, time.Hour)
	lasting("WRITE_TIMEOUT", c.WriteTimeout, 100*time.Millisecond, time.Hour)
	lasting("IDLE_TIMEOUT", c.IdleTimeout, time.Second, time.Hour)
	lasting("START_TIMEOUT", c.StartTimeout, time.Second, time.Hour)
	lasting("SHUTDOWN_DELAY", c.ShutdownDelay, 0, time.Hour)
	lasting("SHUTDOWN_TIMEOUT", c.ShutdownTimeout, time.Second, time.Hour)
	lasting("SLOW_QUERY_THRESHOLD", c.SlowQueryThreshold, 0, time.Hour)
	lasting("SLOW_REQUEST_THRESHOLD", c.SlowRequestThreshold, 0, time.Hour)
	lasting("PRUNE_AFTER", c.PruneAfter, 0, 10*365*24*time.Hour)
	lasting("MEMORY_CHECK_INTERVAL", c.MemoryCheckInterval, time.Second, 24*time.Hour)
	if c.BodyBudget < int64(c.BodyLimit) && !unparsed["BODY_BUDGET"] {
		problems = append(problems, errors.New("BODY_BUDGET: must not be below BODY_LIMIT"))
	}
	if c.WriteTimeout < c.RequestTimeout && !unparsed["WRITE_TIMEOUT"] {
		problems = append(problems, errors.New("WRITE_TIMEOUT: must not be shorter than REQUEST_TIMEOUT"))
	}
	return problems
}

// plain and brief write numbers and durations as people do: 536870912, not
// 5.36870912e+08; 24h, not 24h0m0s.
func plain(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func brief(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// The last label of a name has a letter: 127.0.0.256 is none.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_.-]*[A-Za-z][A-Za-z0-9_-]*[.]?$`)

func isHost(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil || hostName.MatchString(s)
}

func isHostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	return err == nil && (host == "" || isHost(host))
}

func parsePrefix(s string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(s); err == nil {
		return address.Prefix(address.BitLen())
	}
	return netip.ParsePrefix(s)
}
