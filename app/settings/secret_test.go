package settings_test

import (
	"bytes"
	"testing"

	"example.com/prefab/app/settings"
)

func TestPrint_ShowsNoSecrets(t *testing.T) {
	cfg, err := settings.Load[struct {
		Key    string `env:"PAYMENT_API_KEY"`
		Secret string `env:"SECRET"`
		Empty  string `env:"OTHER_TOKEN"`
		Limit  int    `env:"TOKEN_LIMIT" default:"5"`
		Monkey string `env:"MONKEY" default:"cheeta"`
	}]([]string{"PAYMENT_API_KEY=hidden", "SECRET=hidden", "TOKEN_LIMIT=7"}, "")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	settings.Print(&out, &cfg)
	want := "PAYMENT_API_KEY=xxxxx\nSECRET=xxxxx\nOTHER_TOKEN=\nTOKEN_LIMIT=7\nMONKEY=cheeta\n"
	if out.String() != want {
		t.Errorf("it prints\n%swant\n%s", out.String(), want)
	}
	for i, isDefault := range []bool{false, false, true, false, true} {
		if f := settings.Fields(&cfg)[i]; f.IsDefault() != isDefault {
			t.Errorf("%s is the default: %v", f.Name, !isDefault)
		}
	}
}
