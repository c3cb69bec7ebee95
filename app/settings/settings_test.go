package settings_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/prefab/app/settings"
)

type nested struct {
	TTL   time.Duration `env:"TTL" default:"2h" min:"1m" max:"8760h"`
	Limit int64         `env:"LIMIT" default:"10" min:"1" max:"536870912"`
}

type Embedded struct {
	Host  string `env:"HOST" default:"127.0.0.1"`
	Admin string `env:"ADMIN" default:"127.0.0.1:3001" empty:"nowhere"`
}

// Validate runs twice, since config has it too.
func (e *Embedded) Validate(p *settings.Problems) {
	p.Check(e.Host != "forbidden", "HOST", "is forbidden")
}

type config struct {
	Embedded
	Nested nested

	Port     int                `env:"PORT" default:"3000" min:"0" max:"65535"`
	Share    float64            `env:"SHARE" default:"0.8" min:"0.1" max:"1"`
	On       bool               `env:"ON" default:"true"`
	Maybe    *bool              `env:"MAYBE"`
	Format   string             `env:"FORMAT" oneof:"text,json"`
	Level    slog.Level         `env:"LEVEL" default:"info"`
	Networks settings.Networks  `env:"NETWORKS"`
	URL      settings.ServerURL `env:"URL"`
}

func load(t *testing.T, environ ...string) (config, error) {
	t.Helper()
	return settings.Load[config](environ, filepath.Join(t.TempDir(), "none"))
}

func write(t *testing.T, text string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestLoad_ReportsEveryProblemOnceWithoutItsValue(t *testing.T) {
	for setting, want := range map[string]string{
		"PORT=-1":                 "must be a whole number from 0 to 65535",
		"PORT=65536":              "must be a whole number from 0 to 65535",
		"LIMIT=0":                 "must be a whole number from 1 to 536870912",
		"LIMIT=secret":            "must be a whole number from 1 to 536870912",
		"SHARE=NaN":               "must be a number from 0.1 to 1",
		"TTL=1ms":                 "must be a duration from 1m to 8760h, such as 500ms, 10s or 24h",
		"TTL=10":                  "must be a duration from 1m to 8760h, such as 500ms, 10s or 24h",
		"ON=secret":               "must be true or false",
		"MAYBE=secret":            "must be true or false",
		"FORMAT=secret":           "must be text or json",
		"LEVEL=secret":            "must be debug, info, warn or error",
		"NETWORKS=10.0.0.0/8,all": "must be addresses and networks such as 10.0.0.0/8, with commas between",
		"HOST=forbidden":          "is forbidden",
	} {
		name, _, _ := strings.Cut(setting, "=")
		_, err := load(t, setting, "LEVEL=loud")
		if name == "LEVEL" {
			_, err = load(t, setting, "ON=maybe")
		}
		if err == nil || strings.Count(err.Error(), name+": "+want) != 1 || strings.Count(err.Error(), "\n") != 2 ||
			strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error is %v", setting, err)
		}
	}
	if _, err := settings.Load[config](nil, write(t, "URL=\"postgres://u:secret@db\n")); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("of a broken file: %v", err)
	}
}

func TestLoad_AnEmptyVariableHasItsDefaultUnlessTagged(t *testing.T) {
	byDefault, err := load(t)
	if err != nil {
		t.Fatal(err)
	}
	emptied := byDefault
	emptied.Admin = ""
	for _, f := range settings.Fields(new(config)) {
		want := byDefault
		if f.Empty {
			want = emptied
		}
		inFile, fileErr := settings.Load[config](nil, write(t, f.Name+"=\n"))
		inEnvironment, err := load(t, f.Name+"=")
		if err != nil || fileErr != nil || !reflect.DeepEqual(inFile, want) || !reflect.DeepEqual(inEnvironment, want) {
			t.Errorf("%s, empty, gives %+v and %+v, errors %v and %v", f.Name, inFile, inEnvironment, fileErr, err)
		}
	}
}

func TestLoad_ReadsFilesAsEditorsWriteThemAndTheEnvironmentWins(t *testing.T) {
	file := write(t, "\ufeffPORT=4000 \r\n# a comment\r\nexport HOST=::2\t\r\n\r\n FORMAT = \"json\" \r\nADMIN=\r\nTTL='3h' # three\nLIMIT=7\nLEVEL=warn")
	cfg, err := settings.Load[config]([]string{"LIMIT=8", "MAYBE=false", "NETWORKS=10.0.0.0/8, 192.0.2.1"}, file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	settings.Print(&out, &cfg)
	want := "HOST=::2\nADMIN=\nTTL=3h\nLIMIT=8\nPORT=4000\nSHARE=0.8\nON=true\nMAYBE=false\nFORMAT=json\nLEVEL=WARN\n" +
		"NETWORKS=10.0.0.0/8,192.0.2.1/32\nURL=\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
}

func TestServerURL_PrintsWithoutPasswords(t *testing.T) {
	for _, url := range []string{
		"postgres://user:hunter2@db.example/x?password=hunter2", "rediss://:hunter2@redis.example/0",
		"postgres://db/x?password=hun;ter2", "postgres://db/x?user=u&password=hun%zzter2", "postgres://db/x?sslpassword=hunter2",
		"postgres://db/x?Password=hunter2", "password=hunter2 host=db",
	} {
		cfg, err := load(t, "URL="+url)
		if err != nil {
			t.Fatal(err)
		}
		text, err := cfg.URL.MarshalText()
		if shown := cfg.URL.String() + string(text); err != nil || strings.Contains(shown, "ter2") || string(cfg.URL) != url {
			t.Errorf("%s is printed as %s, error %v", url, shown, err)
		}
	}
}
