package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// The smoke asserts itself that every scenario ran, no request failed, and the report
// is whole. Its figures mean nothing.
func TestBench_EveryScenarioRuns(t *testing.T) {
	if _, err := exec.LookPath("wrk"); os.Getenv("CI") == "" && (err != nil || runtime.GOOS != "linux") {
		t.Skip("it needs wrk and Linux")
	}
	binary := filepath.Join(t.TempDir(), "bench")
	for _, command := range [][]string{{"go", "build", "-o", binary, "."}, {binary, "-smoke"}} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
}
