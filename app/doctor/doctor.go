// Package doctor looks for what would go wrong with these settings on this machine, before
// it does: each finding has its cure. It changes nothing, and starts no server.
//
//	report := doctor.Examine(ctx, doctor.Options{Settings: cfg.Settings, CacheBudget: cfg.Cache.Budget})
//	report.Print(os.Stdout)
//	if report.Failures() > 0 {
//		os.Exit(1)
//	}
package doctor

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/server"
	"example.com/prefab/repositories/migrate"
)

// timeout bounds the examination of one server, which may hang.
const timeout = 10 * time.Second

// Options say what is examined.
type Options struct {
	Settings    server.Settings
	Migrations  migrate.Options
	CacheBudget time.Duration // how long a request may wait for Redis
	Buffered    bool          // writes wait in Redis, which must not lose them
	Memory      int64         // bytes that the settings let one process hold, besides its connections

	// Own are checks of the service's own, on the database.
	Own func(ctx context.Context, db *sqlx.DB, r *Report)
}

// Level says how bad a finding is.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Warning Level = "warning" // it works, but something is lost or at risk
	Failure Level = "FAILURE" // the service does not start, or does not keep its promises
)

// Finding is the result of one check.
type Finding struct {
	Level Level
	About string // what was examined: "Redis, persistence"
	Says  string
	Cure  string // of a warning or a failure
}

// Report is what an examination has found.
type Report struct{ Findings []Finding }

// OK adds that something is as it should be.
func (r *Report) OK(about, format string, args ...any) {
	r.add(OK, about, fmt.Sprintf(format, args...), "")
}

// Warn adds a warning.
func (r *Report) Warn(about, says, cure string) { r.add(Warning, about, says, cure) }

// Fail adds a failure.
func (r *Report) Fail(about, says, cure string) { r.add(Failure, about, says, cure) }

func (r *Report) add(level Level, about, says, cure string) {
	r.Findings = append(r.Findings, Finding{level, about, says, cure})
}

// Failures is the number of failures.
func (r *Report) Failures() int { return r.count(Failure) }

func (r *Report) count(level Level) (n int) {
	for _, f := range r.Findings {
		if f.Level == level {
			n++
		}
	}
	return n
}

// Print writes a line for each finding, its cure below it, and the sum.
func (r *Report) Print(out io.Writer) {
	for _, f := range r.Findings {
		fmt.Fprintf(out, "%-8s %-24s %s\n", f.Level, f.About, f.Says)
		if f.Cure != "" {
			fmt.Fprintf(out, "%s→ %s\n", strings.Repeat(" ", 34), f.Cure)
		}
	}
	fmt.Fprintf(out, "\nFailures: %d, warnings: %d, passed: %d.\n", r.Failures(), r.count(Warning), r.count(OK))
}

// Examine examines the machine, PostgreSQL and Redis. A server that cannot be reached is a
// finding too. Servers whose address is not set are embedded, and left out.
func Examine(ctx context.Context, o Options) *Report {
	r := new(Report)
	o.examineMachine(ctx, r)
	for _, examine := range []func(context.Context, *Report){o.examinePostgres, o.examineReplica, o.examineRedis} {
		limited, cancel := context.WithTimeout(ctx, timeout)
		examine(limited, r)
		cancel()
	}
	return r
}

// checkClock compares the clock of a server with this machine's. asked is the middle of the
// time that the question took.
func checkClock(r *Report, about string, asked, answer time.Time) {
	const tolerated = time.Second
	if off := answer.Sub(asked).Round(time.Millisecond); off.Abs() > tolerated {
		r.Warn(about, fmt.Sprintf("its clock differs by %s from this machine's", off),
			"keep both with NTP: expiries and the order of writes depend on it")
		return
	}
	r.OK(about, "its clock agrees with this machine's")
}

// checkTLS warns where passwords and data cross a network in the clear.
func checkTLS(r *Report, about string, encrypted, local bool, cure string) {
	switch {
	case encrypted:
		r.OK(about, "the connection is encrypted")
	case local:
		r.OK(about, "the server is on this machine")
	default:
		r.Warn(about, "the connection is not encrypted, and the server is on another machine", cure)
	}
}
