package main_test

import (
	"strings"
	"testing"

	"example.com/prefab/app/devservices/devtest"
)

func TestCommands_SeedFillsAnEmptyCatalogueOnly(t *testing.T) {
	settings := []string{"DATABASE_URL=" + devtest.EmptyDatabase(t)}
	if code, said := command(t, settings, "seed", "--products", "250"); code != 0 ||
		!strings.Contains(said, "250 products are in the catalogue.") {
		t.Errorf("the first ends with %d:\n%s", code, said)
	}
	if code, said := command(t, settings, "seed"); code != 1 || !strings.Contains(said, "only an empty one is filled") {
		t.Errorf("the second ends with %d:\n%s", code, said)
	}
	if code, said := command(t, append(settings, "APP_ENV=production", "REDIS_URL=redis://localhost"), "seed"); code != 1 ||
		!strings.Contains(said, "samples do not belong into production") {
		t.Errorf("in production it ends with %d:\n%s", code, said)
	}
}

const firstPage = "/api/v1/products?limit=3"

func TestServe_ProductionRefusesTheSampleUsers(t *testing.T) {
	_, settings := configured(t)
	seeded := launch(t, checkout(t), []string{"seed", "--products", "10"}, settings...)
	seeded.wantExit(0)
	p := launch(t, checkout(t), nil, append(settings, "APP_ENV=production")...)
	p.wantExit(1)
	eventually(t, "it named both users", func() bool {
		return strings.Contains(p.said(), "admin@prefab.example") && strings.Contains(p.said(), "member@prefab.example")
	})
}

func TestServe_ASampleAddressAloneDoesNotStopProduction(t *testing.T) {
	_, settings := configured(t)
	add := func(email string, settings ...string) *process {
		return launchWith(t, strings.NewReader("a password of my own\n"), checkout(t),
			[]string{"user", "add", "--email", email, "--name", "Eve"}, settings...)
	}
	if before := add("Admin@prefab.example", settings...); before.exit() != 0 {
		t.Fatalf("in development the address is refused:\n%s", before.said())
	}
	settings = append(settings, "APP_ENV=production", "LOG_FORMAT=text")
	reserved := add(" Member@Prefab.example", settings...)
	reserved.wantExit(1)
	reserved.says("email: is reserved")
	start(t, checkout(t), settings...)
}

func TestCatalogue_IsThereFromTheFirstStartOn(t *testing.T) {
	p := start(t, checkout(t))
	status, page := p.get(firstPage)
	if status != 200 || strings.Count(page, `"priceCents"`) != 3 {
		t.Fatalf("the first page is %d %s", status, page)
	}
	if n := strings.Count(p.said(), "admin@prefab.example  sample-admin-password"); n != 1 {
		t.Errorf("the sample sign-in is printed %d times:\n%s", n, p.said())
	}
}

func TestCatalogue_ItsCommandsRefuseWrongArguments(t *testing.T) {
	for _, args := range [][]string{{"seed", "--products", "many"}, {"export", "now"}, {"export", "--format", "xml"}} {
		if code, said := command(t, []string{"DATABASE_URL=postgres://nobody@127.0.0.1:1/none"}, args...); code != 2 {
			t.Errorf("%v ends with %d:\n%s", args, code, said)
		}
	}
}
