package server

import (
	"runtime"
	"strings"
	"testing"

	"example.com/prefab/app/settings"
)

var production = []string{"APP_ENV=production", "DATABASE_URL=postgres://u:p@db/x", "REDIS_URL=redis://r:6379"}

func TestSettings_WorkersStayWithinThePools(t *testing.T) {
	cores := runtime.GOMAXPROCS(8)
	defer runtime.GOMAXPROCS(cores)
	for _, c := range []struct {
		what            string
		environ         []string
		workers         int
		database, redis int // connections of each worker
	}{
		{"in development", nil, 1, 20, 50},
		{"in production", production, 8, 2, 6},
		{"switched off", append(production, "PREFORK=false"), 1, 20, 50},
		{"switched on", []string{"PREFORK=true", "WORKERS=3"}, 3, 6, 16},
		{"with few connections", append(production, "DATABASE_MAX_CONNS=7"), 3, 2, 16},
		{"with one connection", append(production, "REDIS_MAX_CONNS=1"), 1, 20, 1},
	} {
		s, err := settings.Load[Settings](c.environ, "none")
		if err != nil {
			t.Fatal(err)
		}
		share := s.ForWorker()
		if n := s.WorkerCount(); n != c.workers || share.DatabaseMaxConns != c.database || share.RedisMaxConns != c.redis {
			t.Errorf("%s: %d workers with %d and %d connections", c.what, n, share.DatabaseMaxConns, share.RedisMaxConns)
		}
	}
}

func TestSettings_RulesOfTwoSettingsAreReported(t *testing.T) {
	for setting, want := range map[string]string{
		"WORKERS=11":                             "WORKERS: 11 need 2 connections each of DATABASE_MAX_CONNS, which is 20",
		"WORKERS=26":                             "WORKERS: 26 need 2 connections each of REDIS_MAX_CONNS, which is 50",
		"BODY_BUDGET=1024":                       "BODY_BUDGET: must not be below BODY_LIMIT",
		"WRITE_TIMEOUT=5s":                       "WRITE_TIMEOUT: must not be shorter than REQUEST_TIMEOUT",
		"DATABASE_URL=mysql://u:hunter2@db":      "DATABASE_URL: ",
		"DATABASE_REPLICA_URL=postgres://db/x":   "DATABASE_REPLICA_URL: is of no use without DATABASE_URL",
		"APP_ENV=production":                     "DATABASE_URL: is required in production",
		"APP_ENV=production\nDATABASE_MAX_CONNS": "REDIS_URL: is required in production",
	} {
		_, err := settings.Load[Settings](strings.Split(setting, "\n"), "none")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", setting, err)
		}
	}
}
