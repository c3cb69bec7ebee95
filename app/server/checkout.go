package server

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// findCheckout returns the working directory, which must be the program's
// checkout: in any other folder a command would make a new, empty database, and
// do its work on that one. The settings are those that would make it needless.
func findCheckout(settings string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the working directory: %w", err)
	}
	if isCheckout(dir) {
		return dir, nil
	}
	where := "the checkout, the folder with the program's go.mod"
	program, _ := os.Executable() // without it there is one place less to look
	for _, inside := range []string{dir, filepath.Dir(program)} {
		if found, ok := checkoutAbove(inside); ok {
			where = found
			break
		}
	}
	return "", fmt.Errorf("the embedded servers keep their data in the checkout, and %s is not one: "+
		"run the command in %s, or set %s", dir, where, settings)
}

func checkoutAbove(dir string) (string, bool) {
	for !isCheckout(dir) {
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
	return dir, true
}

// isCheckout reports whether the folder has the go.mod of this program's module.
func isCheckout(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod")) //nolint:gosec // the name is fixed
	if err != nil {
		return false
	}
	own := "" // unknown where the program was made of files: go run main.go
	if built, ok := debug.ReadBuildInfo(); ok {
		own = built.Main.Path
	}
	for line := range strings.Lines(string(text)) {
		if word := strings.Fields(line); len(word) > 1 && word[0] == "module" {
			return own == "" || strings.Trim(word[1], `"`) == own
		}
	}
	return false
}
