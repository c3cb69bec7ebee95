package main_test

import (
	"regexp"
	"slices"
	"testing"
)

var (
	removal = regexp.MustCompile("(?m)^\\|([^|]+)\\|`(rm [^`]+)`\\|([^|]*)\\|$")
	quoted  = regexp.MustCompile("`([^`]+)`")
	blamed  = regexp.MustCompile(`(?m)^(?:vet: )?(?:\./)?([\w/]+\.go):\d+`)
)

// What docs/removing.md deletes is there, and leaves what it says to mend.
func TestRemoving_LeavesWhatTheDocumentNames(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles the module again for each part")
	}
	c := newClone(t)
	rows := removal.FindAllStringSubmatch(c.read("docs/removing.md"), -1)
	if len(rows) < 10 {
		t.Fatalf("docs/removing.md has %d parts", len(rows))
	}
	c.run("go", "run", "./app/scaffold", "--no-check", "job", "CleanCarts") // a user's own, which stays
	c.commit()
	c.run("make", "init", "MODULE=example.com/prefab", "BARE=1")
	c.commit()
	for _, row := range rows {
		t.Run(row[1], func(t *testing.T) {
			c.run("bash", "-c", row[2])
			said, _ := c.try("go", "vet", "./...")
			var names, want []string
			for _, match := range blamed.FindAllStringSubmatch(said, -1) {
				names = append(names, match[1])
			}
			for _, match := range quoted.FindAllStringSubmatch(row[3], -1) {
				want = append(want, match[1])
			}
			slices.Sort(names)
			if names = slices.Compact(names); !slices.Equal(names, want) {
				t.Errorf("go vet names %q, the document %q:\n%s", names, want, said)
			}
			c.run("git", "reset", "--quiet", "--hard")
		})
	}
}
