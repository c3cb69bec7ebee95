package app_test

import (
	"bytes"
	"path/filepath"
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
	for _, f := range settings.Fields(new(app.Config)) {
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
