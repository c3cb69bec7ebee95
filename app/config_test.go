package app_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/joho/godotenv"

	"example.com/prefab/app"
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
	for field := range reflect.TypeFor[app.Config]().Fields() {
		name, ok := field.Tag.Lookup("env")
		if !ok {
			continue
		}
		value, listed := example[name]
		if !listed {
			t.Errorf("%s is not in .env.example", name)
		} else if byDefault := field.Tag.Get("envDefault"); value != byDefault {
			t.Errorf(".env.example says %s=%s, the default is %q", name, value, byDefault)
		}
		delete(example, name)
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

func TestLoadConfig_EnvironmentWinsOverTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(file, []byte("PORT=4000\nSESSION_TTL=2h\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := app.LoadConfig([]string{"PORT=5000"}, file)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Port != 5000 || cfg.SessionTTL.Hours() != 2 || cfg.Host != "127.0.0.1" {
		t.Errorf("got port %d, session %s, host %s", cfg.Port, cfg.SessionTTL, cfg.Host)
	}
}

func TestLoadConfig_NeverQuotesASecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(file, []byte("DATABASE_URL=\"postgres://u:hunter2@db\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := app.LoadConfig(nil, file); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("of a broken file it says: %v", err)
	}
	if _, err := load(t, "DATABASE_URL=mysql://u:hunter2@db"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("of a wrong scheme it says: %v", err)
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
	for _, odd := range []string{"?password=hun;ter2", "?user=u&password=hun%zzter2", "?sslpassword=hunter2", "?Password=hunter2"} {
		if shown := app.ServerURL("postgres://db.example/prefab" + odd).String(); strings.Contains(shown, "ter2") {
			t.Errorf("%s is printed as %s", odd, shown)
		}
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
