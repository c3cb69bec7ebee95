package doctor

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/repositories/redisclient"
)

const (
	oldestRedis = 6.2
	pings       = 20
	roundTrips  = 2 // of a cold read, which must fit into the budget
)

func (o Options) examineRedis(ctx context.Context, r *Report) {
	const name = "Redis"
	address := string(o.Settings.RedisURL)
	if address == "" {
		return
	}
	client, err := redisclient.Open(address, 1)
	if err == nil {
		defer client.Close()
		err = redisclient.Ping(ctx, client)
	}
	if err != nil {
		r.Fail(name, "it cannot be used: "+err.Error(),
			"see that it runs, that this machine may reach it, and user and password")
		return
	}
	text, err := client.Info(ctx).Result()
	if err != nil {
		r.Warn(name, "it does not tell its settings: "+err.Error(),
			"allow INFO to this user, or check version and persistence yourself")
		return
	}
	info := infoFields(text)
	version := info["redis_version"]
	if parts := strings.SplitN(version, ".", 3); len(parts) < 2 || number(parts[0]+"."+parts[1]) < oldestRedis {
		r.Fail(name, "version "+version+" is too old", "Redis 6.2 or later, or Valkey")
	}
	o.checkLatency(ctx, r, client, version)
	begin := time.Now()
	if now, err := client.Time(ctx).Result(); err == nil {
		checkClock(r, "Redis, clock", begin.Add(time.Since(begin)/2), now)
	}
	checkTLS(r, "Redis, TLS", strings.HasPrefix(address, "rediss"), isLocal(address), "rediss:// in place of redis://")
	o.checkEviction(r, info)
	if !o.Buffered {
		return
	}
	if info["aof_enabled"] == "1" {
		r.OK("Redis, persistence", "it has an append-only file")
	} else {
		r.Warn("Redis, persistence", "buffered writes are lost if Redis crashes", "appendonly yes")
	}
}

// checkEviction judges what Redis does when its memory is full.
func (o Options) checkEviction(r *Report, info map[string]string) {
	const about = "Redis, maxmemory"
	limit, policy := number(info["maxmemory"]), info["maxmemory_policy"]
	const cure = "maxmemory-policy volatile-lru"
	switch {
	case strings.HasPrefix(policy, "allkeys-") && o.Buffered:
		r.Fail(about, policy+" evicts buffered writes too, so none are buffered", cure)
	case limit == 0:
		r.Warn(about, "it is not limited: a full machine ends Redis", "maxmemory, and "+cure)
	case policy == "noeviction":
		r.Warn(about, "a full Redis takes no writes: no sessions, no buffered writes", cure)
	default:
		r.OK(about, "%.0f MiB, %s", limit/(1<<20), policy)
	}
}

// checkLatency compares how long Redis takes to answer with the time that a request may wait.
func (o Options) checkLatency(ctx context.Context, r *Report, client redis.UniversalClient, version string) {
	took := make([]time.Duration, pings)
	for i := range took {
		begin := time.Now()
		if err := redisclient.Ping(ctx, client); err != nil {
			r.Fail("Redis", "it answers only now and then: "+err.Error(), "see its load and the network")
			return
		}
		took[i] = time.Since(begin)
	}
	slices.Sort(took)
	usual, slow := took[pings/2].Round(10*time.Microsecond), took[pings*9/10].Round(10*time.Microsecond)
	if roundTrips*slow > o.CacheBudget {
		r.Warn("Redis",
			fmt.Sprintf("one answer in ten takes %s or longer: a cold read needs two in CACHE_BUDGET=%s", slow, o.CacheBudget),
			"a nearer Redis, or a higher CACHE_BUDGET")
		return
	}
	r.OK("Redis", "version %s, answers in %s, one time in ten in %s", version, usual, slow)
}

func infoFields(text string) map[string]string {
	fields := make(map[string]string)
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		fields[name] = value
	}
	return fields
}

// number is 0 for what is no number.
func number(text string) float64 {
	n, _ := strconv.ParseFloat(text, 64)
	return n
}

// isLocal reports whether the URL leads to this machine.
func isLocal(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	host, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "unix" || u.Hostname() == "localhost" || err == nil && host.IsLoopback()
}
