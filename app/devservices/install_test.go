//go:build unix

package devservices

import (
	"os/exec"
	"strings"
	"testing"
)

// install runs the script with that environment and no terminal.
func install(env []string, names ...string) (string, error) {
	cmd := exec.Command("/bin/sh", append([]string{"install.sh"}, names...)...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestInstall_IsSilentWhenNothingIsMissingAndRefusesUnknownNames(t *testing.T) {
	if out, err := install(nil, "postgres", "redis"); err != nil || out != "" {
		t.Errorf("says %q, %v", out, err)
	}
	if out, err := install(nil, "mysql"); err == nil {
		t.Errorf("passes, saying %q", out)
	}
}

func TestInstall_OnlyWarnsOfAnOptionalNameThatCannotBeHad(t *testing.T) {
	nothing := "PATH=" + t.TempDir() // no package manager, and no browser
	out, err := install([]string{nothing}, "postgres", "chromium")
	if strings.Contains(out, "postgres") {
		t.Skip("PostgreSQL is on PATH alone here")
	}
	if out == "" {
		t.Skip("a browser is installed outside PATH")
	}
	if err != nil || !strings.Contains(out, "WARNING: chromium") {
		t.Errorf("says %q, %v", out, err)
	}
	if out, err := install([]string{nothing, "CI=true"}, "chromium"); err == nil {
		t.Errorf("passes in CI, saying %q", out)
	}
}
