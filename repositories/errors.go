package repositories

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/services/problem"
)

// redisError adds to err what was being done. A transient failure becomes a
// problem.ErrUnavailable.
func redisError(doing string, err error) error {
	if redisTransient(err) {
		return fmt.Errorf("%s: %w: %w", doing, problem.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func redisTransient(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	for _, prefix := range [...]string{
		"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "OOM", "ERR max number of clients",
	} {
		if redis.HasErrorPrefix(err, prefix) {
			return true // Redis answers, but cannot serve now
		}
	}
	for _, transient := range []error{
		context.DeadlineExceeded, context.Canceled, net.ErrClosed, io.EOF, io.ErrUnexpectedEOF,
		redis.ErrPoolTimeout, redis.ErrClosed, redis.ErrPoolExhausted,
	} {
		if errors.Is(err, transient) {
			return true
		}
	}
	return false
}

// RedisRefused reports whether Redis has refused the user or the password. To try
// again does not help.
func RedisRefused(err error) bool {
	return redis.HasErrorPrefix(err, "WRONGPASS") || redis.HasErrorPrefix(err, "NOAUTH") ||
		redis.HasErrorPrefix(err, "NOPERM")
}
