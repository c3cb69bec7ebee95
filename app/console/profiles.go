package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxProfile   = 60 * time.Second
	profileGrace = 5 * time.Second // to write it, and to send it
)

// cpuProfile is the name of the CPU's profile, as net/http/pprof has it.
const cpuProfile = "profile"

// profile makes a profile of this process. That of the CPU takes q.Seconds.
func profile(ctx context.Context, q Question) (answer Answer) {
	var out bytes.Buffer
	err := errors.New("there is no such profile")
	if q.Name == cpuProfile {
		if err = pprof.StartCPUProfile(&out); err == nil {
			select {
			case <-time.After(min(time.Duration(q.Seconds)*time.Second, maxProfile)):
			case <-ctx.Done():
			}
			pprof.StopCPUProfile()
		}
	} else if p := pprof.Lookup(q.Name); p != nil {
		err = p.WriteTo(&out, 0)
	}
	if err != nil {
		return Answer{Error: "No profile: " + err.Error() + "."}
	}
	return Answer{Profile: out.Bytes()}
}

// serveProfiles lists the profiles of the workers, as commands.
func (c *Console) serveProfiles(w http.ResponseWriter, r *http.Request) {
	names := []string{cpuProfile}
	for _, p := range pprof.Profiles() {
		names = append(names, p.Name())
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for _, slot := range c.runningSlots() {
		for _, name := range names {
			fmt.Fprintf(w, "go tool pprof 'http://%s/debug/pprof/%s?worker=%d'\n", r.Host, name, slot)
		}
	}
}

// serveProfile answers with a profile of the worker in a slot, in the form of go tool pprof.
func (c *Console) serveProfile(w http.ResponseWriter, r *http.Request) {
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
	if err != nil || answer.Error != "" {
		http.Error(w, strings.TrimSpace(answer.Error+" "+noAnswer), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(answer.Profile) // fails if the client has gone
}
