package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"example.com/prefab/app"
	"example.com/prefab/app/devservices/devtest"
)

func TestDeploy_NamesOnlySettingsThatThereAre(t *testing.T) {
	known := map[string]bool{"POSTGRES_USER": true, "POSTGRES_DB": true, "POSTGRES_PASSWORD": true, "PGPASSWORD": true}
	addSettings(known, reflect.TypeFor[app.Config]())
	for file, pattern := range map[string]string{
		"compose.yaml":                    `(?m)^\s+([A-Z][A-Z0-9_]+):`,
		"deploy/kubernetes/settings.yaml": `(?m)^\s+([A-Z][A-Z0-9_]+):`,
		"deploy/kubernetes/secret.yaml":   `(?m)^\s+([A-Z][A-Z0-9_]+):`,
		"Dockerfile":                      `[ ]([A-Z][A-Z0-9_]+)=\S*(?: |$)`,
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := string(text)
		if file == "Dockerfile" {
			_, lines, _ = strings.Cut(lines, "\nENV")
			lines, _, _ = strings.Cut(lines, "\n")
		}
		found := regexp.MustCompile(pattern).FindAllStringSubmatch(lines, -1)
		if len(found) == 0 {
			t.Errorf("%s names no settings: the test looks for others", file)
		}
		for _, match := range found {
			if !known[match[1]] {
				t.Errorf("%s sets %s, which is no setting", file, match[1])
			}
		}
	}
}

// addSettings adds the names of a struct's settings, and of the structs in it.
func addSettings(known map[string]bool, settings reflect.Type) {
	for field := range settings.Fields() {
		if name := field.Tag.Get("env"); name != "" {
			known[name] = true
		} else if field.Type.Kind() == reflect.Struct {
			addSettings(known, field.Type)
		}
	}
}

// The image is scratch with the binary: a bare root does as well.
func TestImage_ServesInABareRootAsProcessOne(t *testing.T) {
	if _, err := os.Stat("/proc/self/ns/pid"); err != nil || os.Getuid() != 0 {
		t.Skip("a bare root needs Linux and the right to change roots")
	}
	dockerfile, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	build := regexp.MustCompile(`(?m)^RUN (CGO_ENABLED=0 .*go build .*)$`).FindStringSubmatch(string(dockerfile))
	if build == nil {
		t.Fatal("the Dockerfile has no line that builds")
	}
	root := folder(t)
	command := strings.Replace(build[1], "-o /prefab", `-o "$ROOT/prefab"`, 1)
	compile := exec.Command("sh", "-ec", command)
	compile.Env = append(os.Environ(), "VERSION=1.2.3", "TARGETOS=linux", "TARGETARCH=", "ROOT="+root)
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}

	if err := os.Mkdir(filepath.Join(root, "proc"), 0o755); err != nil {
		t.Fatal(err)
	}
	inside := func(args ...string) *exec.Cmd {
		return exec.Command("unshare", append([]string{"--pid", "--fork", "--mount-proc", "--kill-child",
			"--root=" + root, "--setuid=65532", "--setgid=65532", "--", "/prefab"}, args...)...)
	}
	if out, err := inside("version").CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "prefab 1.2.3") {
		t.Fatalf("its version is %q %v", out, err)
	}
	settings := []string{
		"DATABASE_URL=" + devtest.OverTCP(t, devtest.Database(t)), "REDIS_URL=" + devtest.Slow(t, devtest.Redis(t)).URL, "APP_ENV=production", "LOG_FORMAT=text",
		"WORKERS=2",
	}
	p := follow(t, inside(), nil, root, settings)
	eventually(t, "two workers are ready", func() bool {
		if p.closed() {
			t.Fatalf("it ended:\n%s", p.said())
		}
		return len(p.readied()) >= 2
	})
	p.URL = "http://" + supervisingAt.FindStringSubmatch(p.said())[1]
	p.serves()
	port := p.URL[strings.LastIndex(p.URL, ":")+1:]
	check := inside("healthcheck")
	check.Env = append(slices.Clone(settings), "HOST=0.0.0.0", "PORT="+port)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("the health check says %v: %s", err, out)
	}
	unshare := p.cmd.Process.Pid
	child, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", unshare))
	if err != nil {
		t.Fatal(err)
	}
	first, err := strconv.Atoi(strings.TrimSpace(string(child)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(first, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.wantExit(0)
}
