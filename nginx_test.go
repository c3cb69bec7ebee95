package main_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
)

// startNginx runs nginx with deploy/nginx.conf, of which only addresses and paths
// are replaced, and returns its URL.
func startNginx(t *testing.T, backends ...*process) string {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/nginx") // Debian's users lack sbin
	}
	if err != nil && os.Getenv("CI") != "" {
		t.Fatal("there is no nginx, and CI must not leave these tests out")
	}
	if err != nil {
		t.Skip("NOT TESTED: there is no nginx; `make test` installs it")
	}
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := probe.Addr().String()
	probe.Close()
	config, err := os.ReadFile("deploy/nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	dir := checkout(t)
	replaced := strings.NewReplacer(
		"172.30.30.11:3000", strings.TrimPrefix(backends[0].URL, "http://"),
		"172.30.30.12:3000", strings.TrimPrefix(backends[1].URL, "http://"),
		"listen 8080", "listen "+address,
		"/tmp/nginx.pid", `"`+filepath.Join(dir, "nginx.pid")+`"`, // TMPDIR may hold spaces
	).Replace(string(config))
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(replaced), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-e", "stderr", "-p", dir, "-c", file, "-g", "daemon off;")
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start nginx: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("nginx said:\n%s", said.String())
		}
	})
	url := "http://" + address
	eventually(t, "nginx answers", func() bool {
		response, err := http.Get(url + "/health/live")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return url
}

func TestNginx_AnInstanceEndsAndNoClientNotices(t *testing.T) {
	_, settings := configured(t)
	settings = append(settings, "TRUSTED_PROXIES=127.0.0.1")
	one, two := startPrefork(t, settings...), startPrefork(t, settings...)
	url := startNginx(t, one, two)
	stop := load(url, 8, `/api/v1/session {"email":`, "/login") // nginx does not send a POST twice
	time.Sleep(500 * time.Millisecond)
	one.signal(syscall.SIGTERM)
	one.wantExit(0)
	time.Sleep(500 * time.Millisecond)
	if served, failed := stop(); len(failed) > 0 || served == 0 {
		t.Errorf("of %d requests %d failed, the first with %s", served, len(failed), failed[:min(1, len(failed))])
	}
	if problem := ask(http.DefaultClient, url, "/health/ready"); problem != "" {
		t.Errorf("the other one says %s", problem)
	}
}

func TestNginx_ClientsHaveTheirOwnAddresses(t *testing.T) {
	settings := []string{
		"DATABASE_URL=" + devtest.Database(t), "REDIS_URL=" + devtest.Redis(t),
		"TRUSTED_PROXIES=127.0.0.1", "SIGN_IN_ADDRESS_LIMIT=3", "SIGN_IN_LIMIT=3",
	}
	one, two := start(t, checkout(t), settings...), start(t, checkout(t), settings...)
	url := startNginx(t, one, two)
	attempt := func() int {
		request, err := http.NewRequest(http.MethodPost, url+"/api/v1/session",
			strings.NewReader(`{"email":"ada@example.com","password":"wrong password"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-Forwarded-For", fmt.Sprintf("192.0.2.%d", time.Now().UnixNano()%200)) // made up
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode
	}
	for range 3 {
		if status := attempt(); status != http.StatusUnauthorized {
			t.Fatalf("an attempt gets %d", status)
		}
	}
	if status := attempt(); status != http.StatusTooManyRequests {
		t.Errorf("a made-up address is believed: the fourth attempt gets %d", status)
	}
}
