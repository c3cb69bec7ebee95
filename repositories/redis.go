package repositories

import (
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

var errRedisURL = errors.New("not a valid Redis URL") // the cause would quote its password

// CheckRedisURL reports whether OpenRedis takes the URL; its error never quotes it.
func CheckRedisURL(url string) error {
	if _, err := redis.ParseURL(url); err != nil {
		return errRedisURL
	}
	return nil
}

// OpenRedis returns the one Redis client of the process, with short timeouts and
// one retry: a slow Redis must cost less than doing without it. The URL is of
// the redis, rediss or unix scheme. Nothing is dialled yet.
func OpenRedis(url string, poolSize int) (redis.UniversalClient, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, errRedisURL
	}
	o.PoolSize = poolSize
	o.MaxActiveConns = poolSize
	o.DialTimeout = time.Second
	o.DialerRetries = 1
	o.ReadTimeout = 500 * time.Millisecond
	o.WriteTimeout = 500 * time.Millisecond
	o.PoolTimeout = 500 * time.Millisecond
	o.MaxRetries = 1
	o.ContextTimeoutEnabled = true // else a context's deadline is ignored
	o.ClientName = "prefab"
	logging.Disable() // every failure comes back as an error; go-redis would print it too, in a form of its own
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(o), nil
}
