//go:build unix

package devservices

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	errNoPostgres = errors.New("PostgreSQL is not installed. Any of these helps:\n" +
		"  make run                                  installs it and starts the application\n" +
		"  sh app/devservices/install.sh postgres    only installs it\n" +
		"  DATABASE_URL=postgres://...               uses a server that you have\n" +
		"  docker compose up                         runs all of it in containers: compose.yaml says how")

	errNoRedis = errors.New("redis-server is not installed: `make test` or " +
		"`sh app/devservices/install.sh redis` installs it")
)

// programFolders are PATH and the folders that distributions keep off it, of several
// versions the newest first; install.sh looks in the same ones.
func programFolders() []string {
	folders := filepath.SplitList(os.Getenv("PATH"))
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", // Debian
		"/usr/pgsql-*/bin",          // Red Hat, from postgresql.org
		"/usr/libexec/postgresql*",  // Alpine
		"/usr/lib/postgresql*/bin",  // SUSE
		"/opt/homebrew/opt/postgresql*/bin",
		"/usr/local/opt/postgresql*/bin",
		"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
		"/usr/local/pgsql/bin",
		"/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin",
	} {
		matches, _ := filepath.Glob(pattern) // sorted; the only error is a bad pattern
		slices.Reverse(matches)
		folders = append(folders, matches...)
	}
	return slices.DeleteFunc(folders, func(dir string) bool { return !filepath.IsAbs(dir) })
}

var versionNumber = regexp.MustCompile(`\d+`)

// findPostgres returns the first folder with PostgreSQL's programs that can read
// the data, if there is data.
func findPostgres(folders []string, data string) (string, error) {
	written, _ := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	want := strings.TrimSpace(string(written))
	var have []string
	for _, dir := range folders {
		server := filepath.Join(dir, "postgres")
		if !executable(server) || !executable(filepath.Join(dir, "initdb")) {
			continue // psql alone is often installed without a server
		}
		if want == "" {
			return dir, nil
		}
		out, _ := exec.Command(server, "--version").Output()
		major := versionNumber.FindString(string(out))
		if major == want {
			return dir, nil
		}
		have = append(have, major)
	}
	if len(have) == 0 {
		return "", errNoPostgres
	}
	return "", fmt.Errorf("the data in %s needs PostgreSQL %s, and only %s is installed: "+
		"install version %s, or remove that folder to begin afresh, or set DATABASE_URL",
		data, want, strings.Join(have, ", "), want)
}

// findRedis returns Redis's server, or Valkey's, which some distributions ship
// instead, or nothing.
func findRedis(folders []string) string {
	for _, name := range []string{"redis-server", "valkey-server"} {
		for _, dir := range folders {
			if path := filepath.Join(dir, name); executable(path) {
				return path
			}
		}
	}
	return ""
}

func executable(path string) bool {
	_, err := exec.LookPath(path)
	return err == nil
}
