//go:build !unix

package devservices

import (
	"context"
	"errors"
)

type searchPath struct{}

func (s *Services) start(context.Context, Options) error {
	return errors.New("this system cannot run the embedded servers: " +
		"set DATABASE_URL and REDIS_URL, or work inside WSL")
}
