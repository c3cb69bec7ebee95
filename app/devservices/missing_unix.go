//go:build unix

package devservices

import "errors"

var (
	errNoPostgres = errors.New("PostgreSQL is not installed. Any of these helps:\n" +
		"  make run                                  installs it and starts the application\n" +
		"  sh app/devservices/install.sh postgres    only installs it\n" +
		"  DATABASE_URL=postgres://...               uses a server that you have\n" +
		"  docker compose up                         runs all of it in containers: compose.yaml says how")

	errNoRedis = errors.New("redis-server is not installed: `make test` or " +
		"`sh app/devservices/install.sh redis` installs it")
)
