// Command bench measures Prefab against plain Fiber, and writes docs/performance.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"syscall"
	"time"

	"example.com/prefab/bench/references"
)

// options are how much is measured.
type options struct {
	rounds   int
	length   time.Duration // of a run
	products int           // in the catalogue
	only     *regexp.Regexp
	out      string // folder
	smoke    bool
}

func parseOptions() (o options, err error) {
	seconds := flag.Float64("seconds", 2, "how long a run takes")
	only := flag.String("only", "", "measure only what this regular expression matches, and print the report")
	flag.IntVar(&o.rounds, "rounds", 5, "how many runs each server gets")
	flag.IntVar(&o.products, "products", 100_000, "how many products are in the catalogue")
	flag.StringVar(&o.out, "out", "../docs", "folder that performance.md and performance.svg are written to")
	flag.BoolVar(&o.smoke, "smoke", false, "see that everything still runs; the figures mean nothing")
	flag.Parse()
	if o.smoke {
		o.rounds, *seconds, o.products = 1, 0.2, 3000
	}
	o.length = time.Duration(*seconds * float64(time.Second))
	if o.rounds < 1 || o.length < 100*time.Millisecond || o.products < 3*warmProducts || flag.NArg() > 0 {
		return o, errors.New("it takes a round, a tenth of a second, and some products at least; and no arguments")
	}
	o.only, err = regexp.Compile(*only)
	return o, err
}

func main() {
	if os.Getenv(references.NameVariable) != "" {
		fail(references.Serve())
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parseOptions()
	if err == nil {
		err = run(ctx, o)
	}
	fail(err)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures, and writes the report: also where a scenario fails, which does not
// take the others' figures away.
func run(ctx context.Context, o options) (err error) {
	if runtime.GOOS != "linux" {
		return errors.New("it reads the CPU time of processes from /proc, which only Linux has")
	}
	if err := raiseDescriptors(); err != nil {
		return err
	}
	t, err := newTestbed(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if o.smoke {
		o.out = t.dir // gone in a moment
	}

	r := report{options: o, Machine: t.machine(ctx)}
	var failures []error
	try := func(name string, measure func() error) {
		if ctx.Err() != nil || !o.only.MatchString(name) {
			return
		}
		fmt.Fprintln(os.Stderr, name)
		if err := measure(); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", name, err))
			r.Failed = append(r.Failed, name)
		}
	}
	for _, s := range scenarios {
		try(s.name, func() error {
			rows, err := t.compare(ctx, s)
			r.Rows = append(r.Rows, rows...)
			return err
		})
	}
	for _, f := range figures {
		try(f.name, func() error {
			facts, err := f.measure(ctx, t)
			r.Facts = append(r.Facts, facts...)
			return err
		})
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(append(failures, r.write())...)
}

// raiseDescriptors lets this process and those that it starts have as many open
// files as the system allows: 5,000 connections take that many on each side.
func raiseDescriptors() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
