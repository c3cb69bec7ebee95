package app_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
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

func TestLoadConfig_AnEmptySettingHasItsDefaultUnlessEmptyMeansSomething(t *testing.T) {
	byDefault, err := load(t)
	if err != nil {
		t.Fatal(err)
	}
	for field := range reflect.TypeFor[app.Config]().Fields() {
		name, ok := field.Tag.Lookup("env")
		if !ok {
			continue
		}
		want := byDefault
		if _, means := field.Tag.Lookup("empty"); means {
			reflect.ValueOf(&want).Elem().FieldByIndex(field.Index).SetZero()
		}
		file := filepath.Join(t.TempDir(), ".env")
		if err := os.WriteFile(file, []byte(name+"=\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for where, load := range map[string]func() (app.Config, error){
			"the environment": func() (app.Config, error) { return load(t, name+"=") },
			"the file":        func() (app.Config, error) { return app.LoadConfig(nil, file) },
		} {
			if got, err := load(); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s, empty in %s, gives %+v, error %v", name, where, got, err)
			}
		}
	}
}

func TestEnvExample_SaysOfEmptyWhatIsSo(t *testing.T) {
	example, err := os.ReadFile("../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]reflect.StructTag{}
	for field := range reflect.TypeFor[app.Config]().Fields() {
		fields[field.Tag.Get("env")] = field.Tag
	}
	textAndSettings := regexp.MustCompile(`((?:#.*\n)+)((?:[A-Z0-9_]+=.*\n)+)`)
	for _, block := range textAndSettings.FindAllStringSubmatch(string(example), -1) {
		says, emptiable := strings.Contains(block[1], "Empty:"), false
		for line := range strings.Lines(block[2]) {
			name, _, _ := strings.Cut(line, "=")
			_, tagged := fields[name].Lookup("empty")
			if tagged && !says {
				t.Errorf("%s can be emptied, and nothing says what that means", name)
			}
			emptiable = emptiable || tagged || fields[name].Get("envDefault") == ""
		}
		if says && !emptiable {
			t.Errorf("none of these can be emptied:\n%s", block[0])
		}
	}
}

func TestLoadConfig_AddressesAreUnderstoodOrRefused(t *testing.T) {
	for setting, host := range map[string]string{
		"HOST=[::1]": "::1", "HOST=::": "::", "HOST=0.0.0.0": "0.0.0.0", "HOST=fe80::1%eth0": "fe80::1%eth0",
		"HOST=localhost": "localhost", "HOST=web_1.example.": "web_1.example.", "HOST=3f2a": "3f2a",
		"PORT=0": "127.0.0.1", "ADMIN_ADDR=:3001": "127.0.0.1", "ADMIN_ADDR=[::1]:0": "127.0.0.1",
		"ADMIN_ADDR=localhost:65535": "127.0.0.1",
	} {
		if cfg, err := load(t, setting); err != nil || cfg.Host != host {
			t.Errorf("%s: the host is %q, error %v", setting, cfg.Host, err)
		}
	}
	for _, setting := range []string{
		"HOST=localhost:3000", "HOST=http://localhost", "HOST=127.0.0.256", "HOST=*", "PORT=65536", "PORT=http",
		"ADMIN_ADDR=127.0.0.1:99999", "ADMIN_ADDR=3001", "ADMIN_ADDR=127.0.0.1", "ADMIN_ADDR=::1:3001",
	} {
		name, _, _ := strings.Cut(setting, "=")
		if _, err := load(t, setting); err == nil || !strings.Contains(err.Error(), name+": must be ") {
			t.Errorf("%s: the error is %v", setting, err)
		}
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
