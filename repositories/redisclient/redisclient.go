// Package redisclient opens the service's client of Redis: short timeouts, one retry,
// a bounded pool. A single server, a master named by Sentinels and a Cluster differ only
// in the URL. [Once] and [Batched] wrap the client for callers with special needs.
//
//	client, err := redisclient.Open("redis-sentinel://one:26379?addr=two:26379&master_name=main", 50)
//	if err != nil {
//		return err // the URL is wrong; nothing is dialled yet
//	}
//	defer client.Close()
//	registry.MustRegister(redisclient.PoolMetrics(client))
//	if err := redisclient.Ping(ctx, client); err != nil {
//		log.Warn("Redis is down", "error", err)
//	}
//	value, err := redisclient.NewBatched(client).Get(ctx, "greeting").Result()
package redisclient

import (
	"context"
	"crypto/tls"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// errURL stands in place of the cause, which would quote the URL's password.
var errURL = errors.New("not a valid Redis URL")

// CheckURL reports whether Open accepts the URL. Its error never quotes the URL.
func CheckURL(url string) error {
	client, err := Open(url, 1)
	if err != nil {
		return err
	}
	return client.Close()
}

// Open returns a client with up to poolSize connections; of a Cluster, to each node. It
// dials nothing yet. The scheme of the URL is redis or unix for one server,
// redis-sentinel for the master that Sentinels name, redis-cluster for a Cluster, and
// rediss in place of redis for TLS. The client reads from masters only: a replica may
// still have what a master has deleted.
func Open(url string, poolSize int) (redis.UniversalClient, error) {
	logging.Disable() // go-redis would also print each error that it returns
	kind, plain, err := parse(url, poolSize)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "sentinel":
		return openSentinel(plain)
	case "cluster":
		return openCluster(plain)
	}
	o, err := redis.ParseURL(plain)
	if err != nil {
		return nil, errURL
	}
	o.DialerRetries = 1
	o.ContextTimeoutEnabled = true // else a context's deadline is ignored
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(o), nil
}

func openSentinel(url string) (redis.UniversalClient, error) {
	o, err := redis.ParseFailoverURL(url)
	if err != nil || o.MasterName == "" {
		return nil, errURL
	}
	o.DialerRetries, o.ContextTimeoutEnabled = 1, true
	o.ReplicaOnly, o.RouteByLatency, o.RouteRandomly = false, false, false
	verifyPerServerName(o.TLSConfig)
	return redis.NewFailoverClient(o), nil
}

// verifyPerServerName lets each server's certificate be checked against the server's own
// name. go-redis would check all of them against the name in the URL.
func verifyPerServerName(tls *tls.Config) {
	if tls != nil {
		tls.ServerName = ""
	}
}

func openCluster(url string) (redis.UniversalClient, error) {
	o, err := redis.ParseClusterURL(url)
	if err != nil {
		return nil, errURL
	}
	verifyPerServerName(o.TLSConfig)
	o.DialerRetries, o.ContextTimeoutEnabled = 1, true
	o.MaxRetries, o.MaxRedirects = -1, 3 // a redirect is a retry, at the right node
	o.ReadOnly, o.RouteByLatency, o.RouteRandomly = false, false, false
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClusterClient(o), nil
}

// parse returns which kind of Redis the URL is for, and the URL in the form that
// go-redis reads, with our limits. The limits have the same names for all kinds.
func parse(text string, poolSize int) (kind, plain string, err error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", "", errURL
	}
	u.Scheme, kind, _ = strings.Cut(u.Scheme, "-")
	if kind != "" && (kind != "sentinel" && kind != "cluster" || u.Host == "") {
		return "", "", errURL
	}
	if kind == "cluster" && strings.Trim(u.Path, "/0") != "" {
		return "", "", errURL // a Cluster has only the database 0
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", "", errURL
	}
	for name, value := range map[string]string{
		"pool_size": strconv.Itoa(poolSize), "max_active_conns": strconv.Itoa(poolSize), "pool_timeout": "500ms",
		"dial_timeout": "1s", "read_timeout": "500ms", "write_timeout": "500ms",
		"max_retries": "1", "client_name": "prefab",
	} {
		query.Set(name, value)
	}
	u.RawQuery = query.Encode()
	return kind, u.String(), nil
}

// Ping returns nil if Redis answers; of a Cluster, every master.
func Ping(ctx context.Context, client redis.UniversalClient) error {
	if cluster, ok := client.(*redis.ClusterClient); ok {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
			return master.Ping(ctx).Err()
		})
	}
	return client.Ping(ctx).Err()
}

// IsRefused reports whether Redis refused the user or the password. Another try does not
// help then.
func IsRefused(err error) bool {
	return redis.HasErrorPrefix(err, "WRONGPASS") || redis.HasErrorPrefix(err, "NOAUTH") ||
		redis.HasErrorPrefix(err, "NOPERM")
}
