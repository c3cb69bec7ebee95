package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/prefab/bench/references"
)

// server is a process that answers HTTP.
type server struct {
	url    string
	admin  string // where Prefab's metrics are
	cookie string // of a session, once it is signed in
	cmd    *exec.Cmd
	said   bytes.Buffer
	ended  chan struct{}
}

// start starts a side's server, and returns when it answers.
func (t *testbed) start(ctx context.Context, s side) (*server, error) {
	address, admin, err := freeAddresses(ctx)
	if err != nil {
		return nil, err
	}
	p := &server{url: "http://" + address, admin: "http://" + admin, ended: make(chan struct{})}
	if s.reference == "" {
		host, port, _ := net.SplitHostPort(address)
		p.cmd = exec.CommandContext(ctx, t.binary, "serve") //nolint:gosec // our own
		p.cmd.Env = append(t.environment(), "HOST="+host, "PORT="+port, "ADMIN_ADDR="+admin)
		p.cmd.Env = append(p.cmd.Env, s.settings...)
	} else {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		p.cmd = exec.CommandContext(ctx, self) //nolint:gosec // our own
		p.cmd.Env = append(os.Environ(),
			references.NameVariable+"="+s.reference, references.AddressVariable+"="+address,
			references.DatabaseVariable+"="+t.servers.DatabaseURL, references.RedisVariable+"="+t.servers.RedisURL)
	}
	p.cmd.Dir = t.dir
	p.cmd.Stderr = &p.said // the access log, on standard output, goes to /dev/null
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // whether it was told to end is for others to judge
		close(p.ended)
	}()
	if err := p.await(ctx); err != nil {
		p.stop()
		return nil, fmt.Errorf("start %s: %w: %s", s.label, err, &p.said)
	}
	return p, nil
}

// freeAddresses are ones that nobody listens at.
func freeAddresses(ctx context.Context) (one, other string, err error) {
	var listeners [2]net.Listener
	for i := range listeners {
		if listeners[i], err = new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
			return "", "", err
		}
		defer listeners[i].Close()
	}
	return listeners[0].Addr().String(), listeners[1].Addr().String(), nil
}

func (p *server) await(ctx context.Context) error {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		status, _, err := p.get(ctx, "/health/ready")
		if err == nil && status != http.StatusServiceUnavailable { // most references do not know this page
			return nil
		}
		select {
		case <-p.ended:
			return errors.New("it ended")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return errors.New("it does not answer")
}

func (p *server) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // Fiber's workers outlive their master
	<-p.ended
}

func (p *server) cpu() float64 { return cpuSeconds(p.cmd.Process.Pid) }

// client compresses nothing, as wrk.
var client = http.Client{
	Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 1},
	Timeout:   5 * time.Minute,
}

func (p *server) send(ctx context.Context, method, path, body string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, p.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, value := range p.headers() {
		request.Header.Set(name, value)
	}
	return client.Do(request)
}

// headers are those of a request with a body.
func (p *server) headers() map[string]string {
	return map[string]string{"Origin": p.url, "Content-Type": "application/json", "Cookie": p.cookie}
}

func (p *server) get(ctx context.Context, path string) (status int, body []byte, err error) {
	return p.do(ctx, http.MethodGet, path, "")
}

func (p *server) do(ctx context.Context, method, path, body string) (status int, answer []byte, err error) {
	response, err := p.send(ctx, method, path, body)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

func (p *server) signIn(ctx context.Context) error {
	response, err := p.send(ctx, http.MethodPost, "/api/v1/session",
		fmt.Sprintf(`{"email":%q,"password":%q}`, adminEmail, adminPassword))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	for _, cookie := range response.Cookies() {
		p.cookie = cookie.Name + "=" + cookie.Value
	}
	return nil
}

var pendingMetric = regexp.MustCompile(`prefab_write_behind_pending\{.*\} (\S+)`)

// pending is how many writes Prefab has yet to store, by its metrics.
func (p *server) pending(ctx context.Context) (float64, error) {
	status, text, err := (&server{url: p.admin}).get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	match := pendingMetric.FindSubmatch(text)
	if match == nil {
		return 0, fmt.Errorf("the metrics do not say what waits: %d %s", status, text)
	}
	return strconv.ParseFloat(string(match[1]), 64)
}
