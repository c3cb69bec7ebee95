package app_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/repositories/querylog"
)

// The console explains any statement by its text.
func TestExplain_KnowsAPlanOfEveryStatement(t *testing.T) {
	db, err := postgres.Open(postgres.Options{URL: devtest.Database(t), MaxConns: 1, Prepared: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	planned := 0
	for name, text := range statements(t) {
		switch strings.ToLower(strings.Fields(text + " x")[0]) {
		case "select", "insert", "update", "delete", "with":
		default:
			continue // LOCK, NOTIFY and so on have no plan
		}
		plan, err := querylog.Explain(t.Context(), db.DB, text)
		if err != nil || !strings.Contains(plan, "cost=") {
			t.Errorf("%s: error %v, plan %q", name, err, plan)
		}
		planned++
	}
	if planned < 10 {
		t.Errorf("%d statements were found", planned)
	}
}

// statements returns the constant texts in repositories that have a name, without it.
func statements(t *testing.T) map[string]string {
	t.Helper()
	packages := make(map[string]map[string]ast.Expr) // constants by their names
	err := filepath.WalkDir("../repositories", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		constants := packages[filepath.Dir(path)]
		if constants == nil {
			constants = make(map[string]ast.Expr)
			packages[filepath.Dir(path)] = constants
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if spec, ok := node.(*ast.ValueSpec); ok {
				for i, value := range spec.Values {
					constants[spec.Names[i].Name] = value
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	texts := make(map[string]string)
	for _, constants := range packages {
		for _, value := range constants {
			comment, text, _ := strings.Cut(textOf(value, constants), "\n")
			if name, ok := strings.CutPrefix(comment, "-- name: "); ok {
				texts[name] = strings.TrimSpace(text)
			}
		}
	}
	return texts
}

// textOf returns the value of a text, or of a sum of texts; "" if it is none.
func textOf(value ast.Expr, constants map[string]ast.Expr) string {
	switch value := value.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(value.Value)
		return text
	case *ast.BinaryExpr:
		return textOf(value.X, constants) + textOf(value.Y, constants)
	case *ast.Ident:
		if other := constants[value.Name]; other != nil {
			return textOf(other, constants)
		}
	}
	return ""
}
