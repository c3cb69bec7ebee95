//go:build !unix

package devservices

import (
	"context"
	"errors"
)

type server struct {
	cancel  func()
	stopped chan struct{}
}

func (*server) pid() int { return 0 }

func (s *Services) start(context.Context, Options) error {
	return errors.New("this system cannot run the embedded servers: " +
		"set DATABASE_URL and REDIS_URL, or work inside WSL")
}
