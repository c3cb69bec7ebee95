//go:build unix

package devservices

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/url"

	"github.com/alicebob/miniredis/v2"
)

// mini is a Redis inside this process, for a machine that has none.
type mini struct {
	redis    *miniredis.Miniredis
	password string
}

// startMini listens on a random port, since miniredis knows no Unix sockets; the
// password keeps the machine's other users out.
func startMini(log *slog.Logger) (*mini, error) {
	m := &mini{redis: miniredis.NewMiniRedis(), password: rand.Text()}
	m.redis.RequireAuth(m.password)
	m.redis.ClockTTL(true) // otherwise nothing ever expires
	if err := m.redis.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("start miniredis: %w", err)
	}
	log.Warn("redis-server is not installed, using miniredis inside this process: " +
		"sessions and cached data are lost when it ends, and nothing is shared with other processes; " +
		"`make run` installs the real one")
	return m, nil
}

func (m *mini) url() string {
	u := url.URL{Scheme: "redis", User: url.UserPassword("", m.password), Host: m.redis.Addr(), Path: "/0"}
	return u.String()
}

func (m *mini) pid() int { return 0 }

func (m *mini) stop(context.Context) error {
	m.redis.Close()
	return nil
}
