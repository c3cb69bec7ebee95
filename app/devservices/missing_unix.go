//go:build unix

package devservices

import (
	"errors"
	"os/exec"
)

func errNoPostgres() error {
	return errors.New("PostgreSQL is not installed. Any of these helps:\n" +
		"  make run                           installs it and starts the application\n" +
		"  " + installCommand("postgresql") + "\n" +
		"  DATABASE_URL=postgres://...        uses a server that you have\n" +
		"  docker compose up                  runs all of it in containers: compose.yaml says how")
}

func errNoRedis() error {
	return errors.New("redis-server is not installed: `make test` or `sh app/devservices/install.sh redis` installs it")
}

// installCommand is what this machine's package manager would be told.
func installCommand(name string) string {
	for _, m := range []struct{ tool, command string }{
		{"apt-get", "sudo apt-get install " + name},
		{"dnf", "sudo dnf install " + name + "-server"},
		{"apk", "apk add " + name},
		{"pacman", "sudo pacman -S " + name},
		{"zypper", "sudo zypper install " + name + "-server"},
		{"brew", "brew install " + name + "@17"},
	} {
		if _, err := exec.LookPath(m.tool); err == nil {
			return m.command
		}
	}
	return "install " + name + " with your system's package manager"
}
