package console

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"runtime/pprof"
	"slices"
	"strconv"
	"time"

	"example.com/prefab/services/problem"
)

const (
	maxProfile   = 60 * time.Second
	profileGrace = 5 * time.Second // to write it, and to send it
)

// cpuProfile is the name of the CPU's profile, as net/http/pprof has it.
const cpuProfile = "profile"

// profile makes a profile of this process. That of the CPU takes q.Seconds.
func profile(ctx context.Context, q Question) ([]byte, error) {
	var out bytes.Buffer
	if q.Name != cpuProfile {
		p := pprof.Lookup(q.Name)
		if p == nil {
			return nil, errNoProfile
		}
		err := p.WriteTo(&out, 0)
		return out.Bytes(), err
	}
	if pprof.StartCPUProfile(&out) != nil {
		return nil, errProfiling
	}
	select {
	case <-time.After(min(time.Duration(q.Seconds)*time.Second, maxProfile)):
	case <-ctx.Done():
	}
	pprof.StopCPUProfile()
	return out.Bytes(), nil
}

var (
	errNoProfile = &problem.Error{Code: problem.NotFound, Message: "There is no such profile."}
	errProfiling = &problem.Error{Code: problem.Conflict, Message: "The worker's CPU is being profiled already."}
)

// serveProfiles lists the profiles of the workers, as commands.
func (c *Console) serveProfiles(w http.ResponseWriter, r *http.Request) {
	names := []string{cpuProfile}
	for _, p := range pprof.Profiles() {
		names = append(names, p.Name())
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for _, slot := range c.runningSlots() {
		for _, name := range names {
			//nolint:gosec // it is plain text
			fmt.Fprintf(w, "go tool pprof 'http://%s/debug/pprof/%s?worker=%d'\n", r.Host, name, slot)
		}
	}
}

// serveProfile answers with a profile of the worker in a slot, in the form of go tool pprof.
func (c *Console) serveProfile(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" { // a page elsewhere could cost time
		http.Error(w, "Profiles are not for other sites.", http.StatusForbidden)
		return
	}
	query := r.URL.Query()
	number := func(name string, standard int) int {
		n, err := strconv.Atoi(query.Get(name))
		if err != nil || n < 0 {
			return standard
		}
		return n
	}
	slots := c.runningSlots()
	slot := number("worker", slices.Min(append(slots, 1<<16)))
	if !slices.Contains(slots, slot) {
		http.Error(w, "There is no such worker.", http.StatusNotFound)
		return
	}
	q := Question{Kind: Profile, Name: r.PathValue("name"), Seconds: min(number("seconds", 30), int(maxProfile.Seconds()))}
	limit := time.Duration(q.Seconds)*time.Second + profileGrace
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Time{}) // it would end the request's context
	_ = connection.SetWriteDeadline(time.Now().Add(limit))
	answer, err := c.o.Ask.question(r.Context(), slot, q)
	if err != nil {
		answer.Error = noAnswer
	}
	if answer.Error != "" {
		http.Error(w, answer.Error, http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(answer.Profile) // fails if the client has gone
}
