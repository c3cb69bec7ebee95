package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// fakeMake prints what `make test` prints, and fails where the test wants it.
const fakeMake = `#!/bin/sh
if [ "$1" != test ]; then echo "make $1 ran"; exit; fi
printf 'ok  \texample.com/prefab/quick\t0.9s\nok  \texample.com/prefab/cached\t(cached)\n'
printf '?   \texample.com/prefab/none\t[no test files]\n'
printf -- '--- FAIL: TestThis (9.00s)\nFAIL\nFAIL\texample.com/prefab/slow\t100.2s\nok  \texample.com/prefab\t12.3s\n'
exit $MAKE_STATUS
`

func TestCI_EndsWithThePackagesAndHowLongEachTook(t *testing.T) {
	const table = "FAIL\texample.com/prefab/slow\t100.2s\nok  \texample.com/prefab\t12.3s\n" +
		"ok  \texample.com/prefab/quick\t0.9s\nok  \texample.com/prefab/cached\t(cached)\n"
	dir := folder(t)
	write(t, filepath.Join(dir, "make"), fakeMake)
	for _, c := range []struct {
		status int
		goesOn bool
	}{{0, true}, {2, false}} {
		cmd := exec.Command(".ci/run")
		cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "MAKE_STATUS=" + strconv.Itoa(c.status), "TMPDIR=" + dir}
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != c.status {
			t.Errorf("it ends with %d, the tests with %d", got, c.status)
		}
		if said := string(out); !strings.HasSuffix(said, "\n"+table) || strings.Contains(said, "make test-rest ran\nmake lint ran") != c.goesOn {
			t.Errorf("it says:\n%s", said)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "tmp.*")); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
}
