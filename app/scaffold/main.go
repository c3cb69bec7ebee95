// Command generate writes the code of a resource, as one would by hand, and wires it:
//
//	bin/prefab generate resource Supplier name:string! town:string? rank:enum[gold,silver]
//	bin/prefab generate destroy Supplier
//
// It edits app.go, routes.go and api.go by their syntax trees. Where it does not know their shape it
// prints what to paste, and exits with 3. It overwrites nothing.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

const usage = `usage: generate [--dry-run] what name ...

  resource Supplier field...   migration, rules, store, routes, API document, tests;
                               --cache: cached reads; --pages: pages and forms;
                               --plural Sheep: where the usual one is wrong
  field Supplier field...      adds fields; one that is required says the value for rows that
                               exist: 'phone:string!=unknown'
  job CleanCarts               a job, every hour
  page About                   a page and its route
  migration AddTowns           an empty migration
  destroy Supplier             removes a resource, job or page that has not changed since it
                               was generated

What would not compile is not written, nor are fields that meet your own changes;
--no-check writes the rest.

` + fieldHelp + `
`

func main() {
	err := run(os.Args[1:], os.Stdout)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "generate:", err)
	if errors.Is(err, errUnknownShape) {
		os.Exit(3)
	}
	os.Exit(1)
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("generate", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	dry := flags.Bool("dry-run", false, "show the diff, and write nothing")
	unchecked := flags.Bool("no-check", false, "write what may not compile")
	var o options
	flags.BoolVar(&o.Cache, "cache", false, "cache what is read by id")
	flags.BoolVar(&o.Pages, "pages", false, "pages for people too")
	plural := flags.String("plural", "", "the plural, where the usual one is wrong")
	words, err := parse(flags, args)
	if errors.Is(err, flag.ErrHelp) || err == nil && len(words) == 0 {
		_, err := io.WriteString(out, usage)
		return err
	}
	if err != nil {
		return err
	}
	plans := map[string]func(string) (*plan, error){
		"resource":  func(name string) (*plan, error) { return planResource(name, *plural, words[2:], o) },
		"field":     func(name string) (*plan, error) { return planField(name, words[2:]) },
		"job":       planJob,
		"page":      planPage,
		"migration": planMigration,
		"destroy":   planDestroy,
	}
	planFor, ok := plans[words[0]]
	if !ok {
		return fmt.Errorf("it knows no %q, only resource, field, job, page, migration and destroy", words[0])
	}
	if takesFields := words[0] == "resource" || words[0] == "field"; len(words) == 1 || !takesFields && len(words) > 2 {
		return fmt.Errorf("say one name: generate %s Name", words[0])
	}
	p, err := planFor(words[1])
	if err != nil {
		return err
	}
	if p.whole && len(p.paste) > 0 && !*unchecked {
		p.done = "Nothing was written. With --no-check, all other files are."
		return p.end(out)
	}
	if *dry {
		return p.diff(out)
	}
	if !*unchecked {
		if err := p.compiles(); err != nil {
			return err
		}
	}
	return p.apply(out)
}

// parse takes flags before, between and after the other arguments.
func parse(flags *flag.FlagSet, args []string) (rest []string, err error) {
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if args = flags.Args(); len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	return rest, nil
}
