package app_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "example.com/prefab"

// layers says what each folder may import of this module, and which libraries
// stay outside of it. Calls go downhill to services, and only app sees two siblings.
// Files in a top-level folder are the user's. Its sub-folders are Prefab's packages, and
// import nothing of the user's.
var layers = []struct {
	folder  string
	imports []string // of this module, beside the folder's own packages
	never   []string // of the rest
}{
	{".", []string{"app"}, []string{fiberLib, sqlLib, sqlxLib, pqLib, redisLib}},
	{"app/devservices", []string{"repositories/migrate", "repositories/redisclient"}, []string{fiberLib}}, // devtest migrates
	{"app", []string{"app", "handlers", "middleware", "jobs", "repositories", "services", "templates"}, nil},
	{"handlers", []string{"services"}, []string{sqlLib, sqlxLib, pqLib, redisLib}},
	{"middleware", []string{"services"}, []string{sqlLib, sqlxLib, pqLib, redisLib}},
	{"jobs", []string{"services"}, []string{sqlLib, sqlxLib, pqLib, redisLib, fiberLib, httpLib}},
	{"repositories", []string{"services"}, []string{fiberLib}}, // net/http is for other services' APIs
	{"services", nil, []string{fiberLib, sqlLib, sqlxLib, pqLib, redisLib, httpLib}},
	{"templates", nil, []string{sqlLib, sqlxLib, pqLib, redisLib}},
}

const (
	fiberLib = "github.com/gofiber"
	sqlLib   = "database/sql"
	sqlxLib  = "github.com/jmoiron/sqlx"
	pqLib    = "github.com/lib/pq"
	redisLib = "github.com/redis/go-redis"
	httpLib  = "net/http"
	testOnly = "app/devservices/devtest"
)

func TestImports_GoDownhillOnly(t *testing.T) {
	root := os.DirFS("..")
	seen := 0
	err := fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != "." {
			_, err := fs.Stat(root, path+"/go.mod") // bench, a module of its own
			if err == nil || strings.HasPrefix(entry.Name(), ".") {
				return fs.SkipDir
			}
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		seen++
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", path), nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported := strings.Trim(spec.Path.Value, `"`)
			if reason := breach(filepath.ToSlash(filepath.Dir(path)), imported); reason != "" {
				t.Errorf("%s imports %s: %s", path, imported, reason)
			}
		}
		return nil
	})
	if err != nil || seen < 30 {
		t.Fatalf("%d files were read, error %v", seen, err)
	}
}

// breach says which rule the import breaks, if any.
func breach(folder, imported string) string {
	for _, layer := range layers {
		if !within(folder, layer.folder) {
			continue
		}
		own, ours := strings.CutPrefix(imported, module+"/")
		switch {
		case ours && within(own, testOnly) && !within(folder, testOnly):
			return "that package is for tests"
		case ours && strings.Contains(folder, "/") && !strings.Contains(own, "/"):
			return "files in a top-level folder are the user's, which Prefab's packages below do not know"
		case ours && !within(own, layer.folder) &&
			!slices.ContainsFunc(layer.imports, func(allowed string) bool { return within(own, allowed) }):
			return layer.folder + " may not see that package"
		case !ours && slices.ContainsFunc(layer.never, func(library string) bool { return within(imported, library) }):
			return layer.folder + " may not know that library"
		}
		return ""
	}
	return "the folder has no rule in this test"
}

// within takes the module's root for itself only: it is no parent of the others.
func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

func TestImports_BreachesAreSeen(t *testing.T) {
	for _, breaking := range [][2]string{
		{"handlers", module + "/repositories"},
		{"services", "github.com/gofiber/fiber/v2"},
		{"repositories/postgres", module + "/app"},
		{"repositories/cache", module + "/services"},
		{".", module + "/services"},
		{"app", module + "/app/devservices/devtest"},
		{"drawer", module + "/services"},
	} {
		if breach(breaking[0], breaking[1]) == "" {
			t.Errorf("%s may import %s, and must not", breaking[0], breaking[1])
		}
	}
}
