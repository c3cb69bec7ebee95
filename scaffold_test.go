package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// clone is a copy of this checkout, with the changes that are not committed.
type clone struct {
	t   *testing.T
	dir string
}

func newClone(t *testing.T) clone {
	t.Helper()
	c := clone{t, filepath.Join(folder(t), "prefab")}
	copyTracked(t, c.dir)
	c.run("git", "init", "--quiet", "--initial-branch", "main")
	c.commit()
	return c
}

func (c clone) commit() {
	c.t.Helper()
	c.run("git", "add", "--all")
	c.run("git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "--message", "a step")
}

// try runs a command in the clone.
func (c clone) try(name string, args ...string) (output string, status int) {
	c.t.Helper()
	command := exec.Command(name, args...)
	command.Dir = c.dir
	command.Env = append(os.Environ(), "GOFLAGS=-trimpath", "CGO_ENABLED=0") // so that the build cache knows the dependencies
	out, err := command.CombinedOutput()
	if err != nil && command.ProcessState == nil {
		c.t.Fatal(err)
	}
	return string(out), command.ProcessState.ExitCode()
}

func (c clone) run(name string, args ...string) string {
	c.t.Helper()
	out, status := c.try(name, args...)
	if status != 0 {
		c.t.Fatalf("%s %q ends with %d:\n%s", name, args, status, out)
	}
	return out
}

func (c clone) read(path string) string {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, path))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

func (c clone) append(path, text string) {
	c.t.Helper()
	write(c.t, filepath.Join(c.dir, path), c.read(path)+text)
}

// What a user does in the first hour. SCAFFOLD_TESTS=all also runs `make test` after each step.
func TestScaffold_ABareProjectGrowsAndShrinks(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the module anew")
	}
	c := newClone(t)
	test := func(packages string, run string) {
		t.Helper()
		c.run("go", "vet", "./...")
		if os.Getenv("SCAFFOLD_TESTS") == "all" {
			begin := time.Now()
			c.run("env", "-u", "GOFLAGS", "CGO_ENABLED=1", "make", "test") // with the race detector
			t.Logf("make test takes %s", time.Since(begin).Round(time.Second))
			return
		}
		c.run("go", append([]string{"test", "-run", run}, strings.Fields(packages)...)...)
	}
	c.run("make", "init", "MODULE=github.com/acme/shop", "BARE=1")
	for _, file := range []string{"handlers/api.go", "app/routes.go", "app/app.go", "deploy/nginx.conf", ".env.example", "go.mod"} {
		if left := regexp.MustCompile(`(?i).*(product[^i]|catalogue|region sample|without sample|prefab).*`).FindString(c.read(file)); left != "" {
			t.Errorf("%s still has %q", file, left)
		}
	}
	for document, sample := range map[string]string{
		"docs/jobs.md": "-stock`", "docs/pages.md": "/products", "docs/api.md": "GET /api/v1/products", "docs/caching.md": "|a product",
	} {
		if strings.Contains(c.read(document), sample) {
			t.Errorf("%s still has %q", document, sample)
		}
	}
	const contract = "TestContract|TestOpenAPI|TestImports|TestConfig"
	test("./app ./repositories ./services", contract+"|Note")
	c.commit()
	if said := c.run("make", "init", "MODULE=github.com/acme/shop"); !strings.Contains(said, "nothing to do") {
		t.Errorf("the second time it says %s", said)
	}
	if out, status := c.try("make", "init", "MODULE=github.com/acme/other"); status == 0 {
		t.Errorf("another name is taken: %s", out)
	}

	c.run("go", "build", "-o", "bin/shop", ".")
	generate := func(args ...string) { t.Helper(); c.run("bin/shop", append([]string{"generate"}, args...)...) }
	unchecked := func(args ...string) { t.Helper(); generate(append(args, "--no-check")...) } // test vets all of it
	generate("resource", "Supplier", "name:string!", "website:url:unique", "founder:ref(users)", "--cache", "--pages")
	unchecked("resource", "Person", "type:string!", "version:int", "--plural", "People", "--pages")
	unchecked("resource", "PriceList", "supplier:ref(suppliers)", "person:ref(people)", "valid:date")
	unchecked("job", "CleanCarts")
	unchecked("page", "AboutUs")
	generate("field", "Supplier", "motto:string!=it's old", "town:string?", "rank:enum[gold,silver]=silver", "since:date=2026-01-31",
		"rating:int[1..5]=3", "price:money=1250", "size:int", "notes:text", "shop:url=https://example.com/", "active:bool=true",
		"owner:ref(users)=1", "until:date?", "homepage:url?:unique", "score:int[2..9]?", "deputy:ref(users)?", "level:enum[low,high]?")
	write(t, filepath.Join(c.dir, "repositories/existing_test.go"), existingRow)
	test("./app ./repositories ./services ./jobs ./templates", contract+"|Supplier|Existing|Person|People|PriceList|CleanCarts|TestPages")
	for _, args := range [][]string{{"resource", "Route", "name:string"}, {"resource", "Session", "name:string"}, {"page", "Login"}} {
		if out, status := c.try("bin/shop", append([]string{"generate"}, args...)...); status != 1 || c.run("git", "ls-files", "--others", "handlers/routes.go") != "" {
			t.Errorf("%q ends with %d: %s", args, status, out)
		}
	}
	if out, status := c.try("bin/shop", "generate", "field", "Supplier", "born:date"); status != 1 || !strings.Contains(out, "'born:date=2026-01-31'") {
		t.Errorf("without a value for rows that exist it ends with %d: %s", status, out)
	}
	c.run("rm", "repositories/existing_test.go")
	unchecked("destroy", "PriceList")
	unchecked("destroy", "Person")
	unchecked("destroy", "CleanCarts")
	unchecked("destroy", "AboutUs")
	generate("destroy", "Supplier")
	unchecked("destroy", "Note")
	test("./app", contract)
	if out, status := c.try("bin/shop", "generate", "resource", "lamp", "name:string"); status != 1 || !strings.Contains(out, "no name of a resource") {
		t.Errorf("a bad name ends with %d: %s", status, out)
	}
}

// existingRow is a test of the clone: the last migration, which adds fields, meets a row.
const existingRow = `package repositories_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/acme/shop/app/devservices/devtest"
	"github.com/acme/shop/repositories"
	"github.com/acme/shop/repositories/migrate"
	"github.com/acme/shop/services"
)

func TestExistingRow_HasTheValuesGiven(t *testing.T) {
	db := open(t, devtest.Database(t), true)
	o := migrate.Options{Files: repositories.Migrations, Timeout: time.Minute, Log: slog.New(slog.DiscardHandler)}
	if err := migrate.Down(t.Context(), db.DB, o); err != nil {
		t.Fatal(err)
	}
	newUser(t, db, "ada@example.com")
	insert := "INSERT INTO suppliers (name, website, founder_id) VALUES ('Old', 'https://example.com/old', 1)"
	if _, err := db.ExecContext(t.Context(), insert); err != nil {
		t.Fatal(err)
	}
	if err := migrate.Up(t.Context(), db.DB, o); err != nil {
		t.Fatal(err)
	}
	got, err := repositories.NewSuppliers(db).Get(t.Context(), 1)
	want := services.Supplier{
		ID: 1, Name: "Old", Website: "https://example.com/old", FounderID: 1, Motto: "it's old", Rank: "silver", Since: "2026-01-31", Rating: 3,
		PriceCents: 1250, Shop: "https://example.com/", Active: true, OwnerID: 1,
		RowVersion: 1, CreatedAt: got.CreatedAt, UpdatedAt: got.UpdatedAt,
	}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}
`

func TestUpgrade_MergesPackagesAndLeavesTheRest(t *testing.T) {
	theirs := newClone(t)
	project := clone{t, filepath.Join(folder(t), "shop")}
	theirs.run("git", "clone", "--quiet", theirs.dir, project.dir)
	project.run("make", "init", "MODULE=github.com/acme/shop")
	project.append("services/memory/memory.go", "\n// Ours.\n")
	project.append("services/health/health.go", "\n// Ours.\n")
	project.commit()

	theirs.append("UPGRADING.md", "\n## Next\n\nCall New.\n")
	theirs.append("services/health/health.go", "\n// Theirs.\n")                                                              // a conflict
	theirs.append("services/passwords/passwords.go", "\n// Theirs, of example.com/prefab.\n")                                 // not changed here
	theirs.append("services/products.go", "\n// Theirs.\n")                                                                   // the user's own
	write(t, filepath.Join(theirs.dir, "services/health/more.go"), "package health\n")                                        // new
	write(t, filepath.Join(theirs.dir, "services/memory/memory.go"), "// Theirs.\n"+theirs.read("services/memory/memory.go")) // merges
	theirs.run("git", "rm", "--quiet", "services/memory/memory_test.go")
	theirs.commit()

	said := project.run("make", "upgrade", "FROM="+theirs.dir, "DRY=1")
	if left := project.run("git", "status", "--porcelain"); left != "" {
		t.Errorf("a dry run changes %s", left)
	}
	out, status := project.try("make", "upgrade", "FROM="+theirs.dir)
	if status == 0 || !strings.Contains(out, "1 files have conflict marks") {
		t.Errorf("with a conflict it ends with %d: %s", status, out)
	}
	for _, line := range []string{
		"added      services/health/more.go", "replaced   services/passwords/passwords.go", "merged     services/memory/memory.go",
		"CONFLICT   services/health/health.go", "removed    services/memory/memory_test.go", "Call New.",
	} {
		if !strings.Contains(said, line) || !strings.Contains(out, line) {
			t.Errorf("it does not say %q:\n%s\nand\n%s", line, said, out)
		}
	}
	if text := project.read("services/memory/memory.go"); !strings.Contains(text, "// Theirs.") || !strings.Contains(text, "// Ours.") {
		t.Errorf("merged is\n%s", text)
	}
	if text := project.read("services/health/health.go"); !strings.Contains(text, "<<<<<<< yours\n") {
		t.Errorf("the conflict is\n%s", text)
	}
	if text := project.read("services/passwords/passwords.go"); !strings.Contains(text, "// Theirs, of github.com/acme/shop.") {
		t.Errorf("replaced is\n%s", text)
	}
	if text := project.read("services/products.go"); strings.Contains(text, "// Theirs.") {
		t.Error("the user's own file is changed")
	}
	project.commit()
	if again := project.run("make", "upgrade", "FROM="+theirs.dir); strings.Contains(again, "services/") {
		t.Errorf("a second time it says %s", again)
	}
}
