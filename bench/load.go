package main

import (
	"bufio"
	"context"
	_ "embed" // load.lua
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// load is what wrk sends.
type load struct {
	method      string
	paths       []string
	random      bool // else one path after the other
	connections int
}

// answered is what wrk tells of a run.
type answered struct {
	Requests     float64
	Microseconds float64
	Refused      int // status 400 and above
	Broken       int // connections
	P50, P99     float64
}

//go:embed load.lua
var script []byte

// send loads a server for some time, or as long as it takes to be answered at all: a
// smoke's moment can be too short on a busy machine. A single failed request is an error.
func (l load) send(
	ctx context.Context, p *server, dir string, round int, length time.Duration,
) (a answered, err error) {
	for ; err == nil && a.Requests == 0; length *= 2 {
		a, err = l.sendOnce(ctx, p, dir, round, length)
	}
	return a, err
}

func (l load) sendOnce(
	ctx context.Context, p *server, dir string, round int, length time.Duration,
) (a answered, err error) {
	lua, paths := filepath.Join(dir, "load.lua"), filepath.Join(dir, "paths")
	if err := os.WriteFile(lua, script, 0o600); err != nil {
		return a, err
	}
	if err := os.WriteFile(paths, []byte(strings.Join(l.paths, "\n")+"\n"), 0o600); err != nil {
		return a, err
	}
	order := "walk"
	if l.random {
		order = "random"
	}
	args := []string{
		"--threads=1", "--connections=" + strconv.Itoa(l.connections), "--duration=1h", "--timeout=10s",
		"--script=" + lua, p.url, "--", order, strconv.Itoa(round), l.method, paths,
	}
	if l.method != "GET" {
		for name, value := range p.headers() {
			args = append(args, name, value)
		}
	}
	cmd := exec.CommandContext(ctx, "wrk", args...) //nolint:gosec // our own
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return a, err
	}
	if err := cmd.Start(); err != nil {
		return a, err
	}
	last := ""
	for lines := bufio.NewScanner(out); lines.Scan(); last = lines.Text() {
		if lines.Text() == "ready" { // wrk knows whole seconds only, and ends well when it is interrupted
			defer time.AfterFunc(length, func() { _ = cmd.Process.Signal(os.Interrupt) }).Stop()
		}
	}
	if err := cmd.Wait(); err != nil {
		return a, fmt.Errorf("wrk: %w: %s", err, last)
	}
	if err := json.Unmarshal([]byte(last), &a); err != nil {
		return a, fmt.Errorf("wrk says %q: %w", last, err)
	}
	if a.Refused > 0 || a.Broken > 0 {
		return a, fmt.Errorf("of %.0f requests %d were refused, and %d connections broke", a.Requests, a.Refused, a.Broken)
	}
	return a, nil
}
