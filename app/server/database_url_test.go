package server

import (
	"strings"
	"testing"

	"example.com/prefab/app/settings"
)

func TestSettings_RefuseVariablesThatLibPQRefuses(t *testing.T) {
	const address = "DATABASE_URL=postgres://u:hunter2@db/prefab?sslmode=disable"
	for name, value := range map[string]string{
		"PGGSSENCMODE": "disable", "PGCHANNELBINDING": "prefer", "PGCLIENTENCODING": "LATIN1", "PGDATESTYLE": "German",
		"PGSSLNEGOTIATION": "direct", "PGPORT": "many",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			_, err := settings.Load[Settings]([]string{address}, "none")
			if err == nil || !strings.Contains(err.Error(), "DATABASE_URL: ") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error is %v", err)
			}
			if _, err := settings.Load[Settings](nil, "none"); err != nil {
				t.Errorf("it is refused for an embedded server too: %v", err)
			}
		})
	}
	t.Setenv("PGPASSFILE", "/etc/pgpass") // which it takes
	if _, err := settings.Load[Settings]([]string{address}, "none"); err != nil {
		t.Error(err)
	}
}
