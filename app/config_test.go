package app_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/joho/godotenv"

	"example.com/prefab/app"
	"example.com/prefab/app/settings"
)

func load(t testing.TB, environ ...string) (app.Config, error) {
	t.Helper()
	return app.LoadConfig(environ, filepath.Join(t.TempDir(), "none"))
}

func TestEnvExample_ListsEverySettingWithItsDefault(t *testing.T) {
	example, err := godotenv.Read("../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	for f := range settings.Fields(new(app.Config)) {
		value, listed := example[f.Name]
		if !listed {
			t.Errorf("%s is not in .env.example", f.Name)
		} else if value != f.Default {
			t.Errorf(".env.example says %s=%s, the default is %q", f.Name, value, f.Default)
		}
		delete(example, f.Name)
	}
	for name := range example {
		t.Errorf(".env.example has %s, which is no setting", name)
	}
}

func TestLoadConfig_NamesTheVariableThatLibPQRefuses(t *testing.T) {
	const address = "DATABASE_URL=postgres://u:hunter2@db/prefab?sslmode=disable"
	for name, value := range map[string]string{
		"PGGSSENCMODE": "disable", "PGCHANNELBINDING": "prefer", "PGCLIENTENCODING": "LATIN1", "PGDATESTYLE": "German",
		"PGSSLNEGOTIATION": "direct", "PGPORT": "many",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			_, err := load(t, address)
			if err == nil || !strings.Contains(err.Error(), "DATABASE_URL: ") || !strings.Contains(err.Error(), name) ||
				strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error is %v", err)
			}
			if _, err := load(t); err != nil {
				t.Errorf("it is refused for an embedded server too: %v", err)
			}
		})
	}
	t.Run("those that it takes", func(t *testing.T) {
		t.Setenv("PGPASSFILE", "/etc/pgpass")
		t.Setenv("PGSSLROOTCERT", "/etc/ca.pem")
		if _, err := load(t, address); err != nil {
			t.Error(err)
		}
	})
}

func TestLoadConfig_ReportsEveryProblemAtOnce(t *testing.T) {
	_, err := load(t, "APP_ENV=production", "PORT=eighty", "LOG_LEVEL=loud", "MEMORY_THRESHOLD=NaN",
		"READ_TIMEOUT=10", "REQUEST_TIMEOUT=1ms", "TRUSTED_PROXIES=10.0.0.0/8,everybody", "LOG_FORMAT=xml",
		"BODY_LIMIT=-1")
	if err == nil {
		t.Fatal("the settings were taken")
	}
	for _, name := range []string{
		"DATABASE_URL", "REDIS_URL", "PORT", "LOG_LEVEL", "MEMORY_THRESHOLD", "READ_TIMEOUT", "REQUEST_TIMEOUT",
		"TRUSTED_PROXIES", "LOG_FORMAT", "BODY_LIMIT",
	} {
		if n := strings.Count(err.Error(), name+":"); n != 1 {
			t.Errorf("%s is reported %d times in:\n%v", name, n, err)
		}
	}
}

func TestEnvExample_SaysOfEmptyWhatIsSo(t *testing.T) {
	example, err := os.ReadFile("../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]settings.Field{}
	for f := range settings.Fields(new(app.Config)) {
		fields[f.Name] = f
	}
	textAndSettings := regexp.MustCompile(`((?:#.*\n)+)((?:[A-Z0-9_]+=.*\n)+)`)
	for _, block := range textAndSettings.FindAllStringSubmatch(string(example), -1) {
		says, emptiable := strings.Contains(block[1], "Empty:"), false
		for line := range strings.Lines(block[2]) {
			name, _, _ := strings.Cut(line, "=")
			tagged := fields[name].Empty
			if tagged && !says {
				t.Errorf("%s can be emptied, and nothing says what that means", name)
			}
			emptiable = emptiable || tagged || fields[name].Default == ""
		}
		if says && !emptiable {
			t.Errorf("none of these can be emptied:\n%s", block[0])
		}
	}
}

func TestConfigCommand_MasksPasswords(t *testing.T) {
	t.Chdir(t.TempDir())
	var out bytes.Buffer
	err := app.Run(t.Context(), []string{"config"}, []string{
		"DATABASE_URL=postgres://user:hunter2@db.example/prefab?password=hunter2",
		"REDIS_URL=rediss://:hunter2@redis.example/0",
		"DATABASE_REPLICA_URL=postgres://user:hunter2@replica.example/prefab",
	}, nil, &out)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "hunter2") {
		t.Errorf("a password is printed:\n%s", &out)
	}
	for _, line := range []string{"PORT=3000\n", "REDIS_URL=rediss://:xxxxx@redis.example/0\n", "SHUTDOWN_TIMEOUT=20s\n"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("%q is missing in:\n%s", line, &out)
		}
	}
}
