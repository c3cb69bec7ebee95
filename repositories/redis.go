package repositories

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

var errRedisURL = errors.New("not a valid Redis URL") // the cause would quote its password

// CheckRedisURL reports whether OpenRedis takes the URL; its error never quotes it.
func CheckRedisURL(url string) error {
	client, err := OpenRedis(url, 1)
	if err != nil {
		return err
	}
	return client.Close()
}

// OpenRedis returns the one Redis client of the process, with short timeouts and
// one retry: a slow Redis must cost less than doing without it. The scheme of the
// URL is redis or unix for one server, redis-sentinel for the master that Sentinels
// name, redis-cluster for a Cluster; rediss instead of redis for TLS. Whichever it
// is, only masters are read: a replica may not know yet what was invalidated. A
// Cluster has that many connections to each node. Nothing is dialled yet.
func OpenRedis(url string, poolSize int) (redis.UniversalClient, error) {
	logging.Disable() // every failure comes back as an error; go-redis would print it too, in a form of its own
	kind, plain, err := limited(url, poolSize)
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
		return nil, errRedisURL
	}
	o.DialerRetries = 1
	o.ContextTimeoutEnabled = true // else a context's deadline is ignored
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(o), nil
}

func openSentinel(url string) (redis.UniversalClient, error) {
	o, err := redis.ParseFailoverURL(url)
	if err != nil || o.MasterName == "" {
		return nil, errRedisURL
	}
	o.DialerRetries, o.ContextTimeoutEnabled = 1, true
	o.ReplicaOnly, o.RouteByLatency, o.RouteRandomly = false, false, false
	eachByItsName(o.TLSConfig)
	return redis.NewFailoverClient(o), nil
}

// eachByItsName has each server's certificate held against its own address, where
// go-redis takes that of the URL for all.
func eachByItsName(tls *tls.Config) {
	if tls != nil {
		tls.ServerName = ""
	}
}

func openCluster(url string) (redis.UniversalClient, error) {
	o, err := redis.ParseClusterURL(url)
	if err != nil {
		return nil, errRedisURL
	}
	eachByItsName(o.TLSConfig)
	o.DialerRetries, o.ContextTimeoutEnabled = 1, true
	o.MaxRetries, o.MaxRedirects = -1, 3 // a redirect is a retry, at the right node
	o.ReadOnly, o.RouteByLatency, o.RouteRandomly = false, false, false
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClusterClient(o), nil
}

// limited returns which kind of Redis the URL is for, and the URL as go-redis
// reads it, with our limits, whose names are the same for all kinds.
func limited(text string, poolSize int) (kind, plain string, err error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", "", errRedisURL
	}
	u.Scheme, kind, _ = strings.Cut(u.Scheme, "-")
	if kind != "" && (kind != "sentinel" && kind != "cluster" || u.Host == "") {
		return "", "", errRedisURL
	}
	if kind == "cluster" && strings.Trim(u.Path, "/0") != "" {
		return "", "", errRedisURL // a Cluster has no other database
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", "", errRedisURL
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

// PingRedis asks whether Redis answers; of a Cluster, every master.
func PingRedis(ctx context.Context, client redis.UniversalClient) error {
	if cluster, ok := client.(*redis.ClusterClient); ok {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
			return master.Ping(ctx).Err()
		})
	}
	return client.Ping(ctx).Err()
}
