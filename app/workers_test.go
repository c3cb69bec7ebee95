package app_test

import (
	"runtime"
	"strings"
	"testing"

	"example.com/prefab/app"
)

func TestConfig_WorkersStayWithinTheTotals(t *testing.T) {
	cores := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(cores)
	runtime.GOMAXPROCS(8)
	production := []string{"APP_ENV=production", "DATABASE_URL=postgres://u:p@db/prefab", "REDIS_URL=redis://r:6379"}
	for _, c := range []struct {
		what            string
		settings        []string
		workers         int
		database, redis int // connections of each
	}{
		{"in development", nil, 1, 20, 50},
		{"in production", production, 8, 2, 6},
		{"switched off", append(production, "PREFORK=false"), 1, 20, 50},
		{"switched on", []string{"PREFORK=true", "WORKERS=3"}, 3, 6, 16},
		{"with few connections", append(production, "DATABASE_MAX_CONNS=7"), 3, 2, 16},
		{"with one connection", append(production, "REDIS_MAX_CONNS=1"), 1, 20, 1},
	} {
		cfg, err := load(t, c.settings...)
		if err != nil {
			t.Fatal(err)
		}
		workers, share := app.Share(cfg)
		if workers != c.workers || share.DatabaseMaxConns != c.database || share.RedisMaxConns != c.redis {
			t.Errorf("%s: %d workers with %d and %d connections", c.what, workers, share.DatabaseMaxConns, share.RedisMaxConns)
		}
	}
}

func TestLoadConfig_RefusesMoreWorkersThanThePoolsSuffice(t *testing.T) {
	_, err := load(t, "WORKERS=11", "REDIS_MAX_CONNS=21", "PREFORK=maybe")
	for _, want := range []string{"of DATABASE_MAX_CONNS, which is 20", "of REDIS_MAX_CONNS, which is 21", "PREFORK: must be"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
}
