package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// project makes a small project the working folder. Its Go files end in .txt here, so
// that the compiler does not see them.
func project(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	err := filepath.WalkDir("testdata/project", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, strings.TrimSuffix(strings.TrimPrefix(path, "testdata/project"), ".txt"))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
}

// snapshot returns the text of each file.
func snapshot(t *testing.T) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func changes(before, after map[string]string) (paths []string) {
	for path, text := range after {
		if before[path] != text {
			paths = append(paths, path)
		}
	}
	for path := range before {
		if _, there := after[path]; !there {
			paths = append(paths, path)
		}
	}
	return paths
}

func generate(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	err := run(append([]string{"--no-check"}, args...), &out) // the small project has no go.sum
	return out.String(), err
}

func must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := generate(t, args...)
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return out
}

// edit replaces a part of a file, as a user does.
func edit(t *testing.T, path, old, now string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), old) {
		t.Fatalf("%s lacks %q: error %v", path, old, err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), old, now, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

var lamp = []string{"resource", "Lamp", "name:string!", "watts:int[1..2000]", "price:money", "website:url?:unique", "owner:ref(users)"}

func TestResource_IsWiredWhereItBelongs(t *testing.T) {
	project(t)
	must(t, lamp...)
	files := snapshot(t)
	for path, parts := range map[string][]string{
		"app/app.go": {
			"lamps := services.NewLamps(repositories.NewLamps(p.DB))\n\n\t// Middleware",
			"lamps:   &handlers.Lamps{Lamps: lamps},\n\t})",
		},
		"app/routes.go": {
			"lamps   *handlers.Lamps\n}",
			"h.session.Show)\n\n\tapi.Get(\"/lamps\", h.lamps.List)\n",
		},
		"repositories/migrations/00008_lamps.sql": {"CREATE TABLE lamps (", "DROP TABLE lamps;"},
		"handlers/api.go":                         {"sessionAPI(),\n\t\tlampsAPI(),\n\t}}"},
	} {
		for _, part := range parts {
			if !strings.Contains(files[path], part) {
				t.Errorf("%s lacks %q:\n%s", path, part, files[path])
			}
		}
	}
}

func TestDestroy_LeavesWhatWasBefore(t *testing.T) {
	project(t)
	before := snapshot(t)
	must(t, lamp...)
	must(t, "resource", "--cache", "PriceList", "lamp:ref(lamps)", "title:string")
	if _, err := generate(t, "destroy", "Lamp"); err == nil {
		t.Error("a resource that another refers to is destroyed")
	}
	must(t, "destroy", "PriceList")
	must(t, "destroy", "Lamp")
	if left := changes(before, snapshot(t)); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
	if _, err := generate(t, "destroy", "Lamp"); err == nil {
		t.Error("what is not there is destroyed")
	}
}

func TestDestroy_RemovesJobsAndPages(t *testing.T) {
	project(t)
	must(t, "job", "SendMail") // the import of jobs stands outside of the sample from now on
	before := snapshot(t)
	must(t, "job", "CleanCarts")
	must(t, "page", "AboutUs")
	must(t, "resource", "Lamp", "name:string!")
	edit(t, "app/schedule.go", "jobs.CleanCarts(time.Hour)", "jobs.CleanCarts(cfg.CleanCartsEvery)")
	must(t, "destroy", "AboutUs")
	must(t, "destroy", "CleanCarts")
	must(t, "destroy", "Lamp")
	if left := changes(before, snapshot(t)); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}

	edit(t, "app/schedule.go", "	r.Add(jobs.Prune(time.Hour))\n", "") // the last job but one
	must(t, "destroy", "SendMail")
	if text := snapshot(t)["app/schedule.go"]; strings.Contains(text, "shop/jobs\"") || !strings.Contains(text, "jobs/runner") {
		t.Errorf("app/schedule.go is\n%s", text)
	}
	for _, args := range [][]string{{"job", "CleanCarts"}, {"page", "AboutUs"}} {
		must(t, args...)
		path := map[string]string{"job": "jobs/clean_carts.go", "page": "templates/about_us.html"}[args[0]]
		edit(t, path, "", "// mine")
		if _, err := generate(t, "destroy", args[1]); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("a changed %s: error %v", args[0], err)
		}
	}
}

func TestDestroy_RemovesNothingThatHasChanged(t *testing.T) {
	project(t)
	must(t, lamp...)
	if err := os.WriteFile("services/lamps.go", []byte("package services // mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t)
	if _, err := generate(t, "destroy", "Lamp"); err == nil || !strings.Contains(err.Error(), "services/lamps.go") {
		t.Errorf("error %v", err)
	}
	if changed := changes(before, snapshot(t)); len(changed) > 0 {
		t.Errorf("it changes %v", changed)
	}
}

func TestGenerate_WritesNothingInADryRunOrWithAMistake(t *testing.T) {
	project(t)
	before := snapshot(t)
	if diff := must(t, append(lamp, "--dry-run")...); !strings.Contains(diff, "+++ b/services/lamps.go") {
		t.Errorf("the diff is %s", diff)
	}
	for _, args := range [][]string{
		{"resource", "lamp", "name:string"}, {"resource", "Lamp"}, {"resource", "User", "name:string"}, {"resource", "Lamp", "price:money", "price:int"}, {"resource", "Lamp", "validate:bool"},
		{"resource", "Map", "name:string"}, {"resource", "Lamp", "name:text", "--pages"},
		{"resource", "Lamp", "name:string", "name:text"}, {"resource", "Lamp", "name:foo"}, {"resource", "Lamp", "maker:ref(makers)"},
		{"resource", "Sheep", "name:string", "--plural", "Sheep"}, {"house", "Lamp"}, {"job"}, {"job", "Two", "Names"}, {"page", "about"},
	} {
		if _, err := generate(t, args...); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
	if changed := changes(before, snapshot(t)); len(changed) > 0 {
		t.Errorf("it writes %v", changed)
	}
}

func TestGenerate_OverwritesNothing(t *testing.T) {
	project(t)
	if err := os.MkdirAll("services", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("services/lamps.go", []byte("package services"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t)
	if _, err := generate(t, lamp...); err == nil || !strings.Contains(err.Error(), "services/lamps.go exists") {
		t.Errorf("error %v", err)
	}
	if changed := changes(before, snapshot(t)); len(changed) > 0 {
		t.Errorf("it writes %v", changed)
	}
}

func TestGenerate_SaysWhatToPasteWhereItDoesNotKnowTheShape(t *testing.T) {
	project(t)
	if err := os.WriteFile("app/routes.go", []byte("package app\n\nfunc paths() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := generate(t, lamp...)
	if !errors.Is(err, errUnknownShape) || !strings.Contains(out, `api.Get("/lamps", h.lamps.List)`) {
		t.Errorf("error %v, and it says:\n%s", err, out)
	}
	if files := snapshot(t); files["services/lamps.go"] == "" || files["app/routes.go"] != "package app\n\nfunc paths() {}\n" {
		t.Errorf("app/routes.go is\n%s", files["app/routes.go"])
	}
}

func TestGenerate_JobPageAndMigration(t *testing.T) {
	project(t)
	must(t, "job", "CleanCarts")
	must(t, "page", "AboutUs")
	must(t, "migration", "AddTowns")
	files := snapshot(t)
	for path, part := range map[string]string{
		"app/schedule.go": "\t\"example.com/shop/jobs\"\n\t\"example.com/shop/jobs/runner\"", // no longer of the sample
		"app/routes.go":   "h.pages.SignOut)\n\tserver.Get(\"/about-us\", guards.FindUser, h.pages.AboutUs)",
		"repositories/migrations/00008_add_towns.sql": "-- +goose Down",
		"templates/about_us.html":                     "<h1>About us</h1>",
		"jobs/clean_carts.go":                         `Name: "clean-carts"`,
	} {
		if !strings.Contains(files[path], part) {
			t.Errorf("%s lacks %q:\n%s", path, part, files[path])
		}
	}
	if !strings.Contains(files["app/schedule.go"], "\tr.Add(jobs.CleanCarts(time.Hour))\n\treturn r") {
		t.Errorf("app/schedule.go is\n%s", files["app/schedule.go"])
	}
}
