//go:build unix

package devservices

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// searchPath says where programs may be.
type searchPath struct {
	dirs  []string
	globs []string // further folders, which distributions keep off PATH
}

// machinePath is PATH and the usual folders; install.sh looks in the same ones.
func machinePath() *searchPath {
	return &searchPath{
		dirs: filepath.SplitList(os.Getenv("PATH")),
		globs: []string{
			"/usr/lib/postgresql/*/bin", // Debian
			"/usr/pgsql-*/bin",          // Red Hat, from postgresql.org
			"/usr/libexec/postgresql*",  // Alpine
			"/usr/lib/postgresql*/bin",  // SUSE
			"/opt/homebrew/opt/postgresql*/bin",
			"/usr/local/opt/postgresql*/bin",
			"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
			"/usr/local/pgsql/bin",
			"/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin",
		},
	}
}

// installation is a folder with PostgreSQL's programs.
type installation struct {
	dir   string
	major int
}

// postgres picks an installation: the one that can read the data if there is
// data, else the one on PATH, else the newest.
func (s *searchPath) postgres(data string) (installation, error) {
	found := s.installations()
	if len(found) == 0 {
		return installation{}, errNoPostgres
	}
	written, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if err != nil {
		return found[0], nil //nolint:nilerr // no data yet: any version will do
	}
	want := strings.TrimSpace(string(written))
	var have []string
	for _, f := range found {
		if strconv.Itoa(f.major) == want {
			return f, nil
		}
		have = append(have, strconv.Itoa(f.major))
	}
	return installation{}, fmt.Errorf("the data in %s needs PostgreSQL %s, and only %s is installed: "+
		"install version %s, or remove that folder to begin afresh, or set DATABASE_URL",
		data, want, strings.Join(have, ", "), want)
}

func (s *searchPath) installations() []installation {
	var found []installation
	for _, dir := range s.dirs {
		found = appendInstallation(found, dir)
	}
	if len(found) == 0 {
		if tool, ok := s.find("pg_config"); ok {
			if out, err := exec.Command(tool, "--bindir").Output(); err == nil {
				found = appendInstallation(found, strings.TrimSpace(string(out)))
			}
		}
	}
	var further []installation
	for _, glob := range s.globs {
		dirs, _ := filepath.Glob(glob) // the only error is a bad pattern
		for _, dir := range dirs {
			further = appendInstallation(further, dir)
		}
	}
	slices.SortStableFunc(further, func(a, b installation) int { return cmp.Compare(b.major, a.major) })
	return append(found, further...)
}

var versionNumber = regexp.MustCompile(`\d+`)

func appendInstallation(list []installation, dir string) []installation {
	server := filepath.Join(dir, "postgres")
	if !filepath.IsAbs(server) || !executable(server) || !executable(filepath.Join(dir, "initdb")) {
		return list // psql alone is often installed without a server
	}
	out, err := exec.Command(server, "--version").Output()
	if err != nil {
		return list
	}
	major, err := strconv.Atoi(versionNumber.FindString(string(out)))
	if err != nil {
		return list
	}
	return append(list, installation{dir: dir, major: major})
}

// redis finds Redis's server, or Valkey's, which some distributions ship instead.
func (s *searchPath) redis() (string, bool) { return s.find("redis-server", "valkey-server") }

func (s *searchPath) find(names ...string) (string, bool) {
	dirs := slices.Clone(s.dirs)
	for _, glob := range s.globs {
		matches, _ := filepath.Glob(glob)
		dirs = append(dirs, matches...)
	}
	for _, name := range names {
		for _, dir := range dirs {
			if path := filepath.Join(dir, name); filepath.IsAbs(path) && executable(path) {
				return path, true
			}
		}
	}
	return "", false
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}
