package app_test

import (
	"flag"
	"net/url"
	"strings"
	"testing"

	"example.com/prefab/app/devservices/devtest"
)

// topology is what the service runs on in the tests that do not bring servers of
// their own: `make topologies` goes through all.
var topology = flag.String("topology", "single", "single, pgbouncer, cluster or sentinel")

// redisOf returns the URL of an empty Redis of the test's own.
func redisOf(t testing.TB) string {
	t.Helper()
	switch *topology {
	case "cluster", "sentinel":
		return manyRedis(t, *topology)
	case "single", "pgbouncer":
		return devtest.Redis(t)
	}
	t.Fatalf("there is no topology %q", *topology)
	return ""
}

// through returns the settings by which the service reaches the database, which
// has been migrated: through what the topology puts before or beside it.
func through(t testing.TB, database string) []string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	if shared := strings.HasPrefix(u.Path, "/test_"); !shared {
		return []string{"DATABASE_URL=" + database}
	}
	if *topology == "pgbouncer" {
		return []string{"DATABASE_URL=" + devtest.PgBouncer(t, database), "DATABASE_PREPARED=false"}
	}
	return []string{"DATABASE_URL=" + database}
}
