package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
)

const usage = `usage: prefab [command]

Commands:
  serve                    answer HTTP (the default)
  migrate up|down|status   change the database's schema, or show where it stands
  seed [--products N]      fill an empty catalogue with samples
  export [--format F] [--out FILE]
                           write all products as json, ndjson or csv
  user add                 make a user: --email, --name, --role
  healthcheck              ask the running service whether it lives
  config                   print the settings, passwords masked
  version                  print what this program was built from
`

// command is one word of the command line and what it does.
type command func(ctx context.Context, e environment, args []string) error

// environment is what a command works with.
type environment struct {
	cfg Config
	log *slog.Logger
	in  io.Reader
	out io.Writer
}

var commands = map[string]command{
	"serve":       runServe,
	"migrate":     runMigrate,
	"seed":        runSeed,
	"export":      runExport,
	"user":        runUser,
	"healthcheck": runHealthcheck,
	"config":      runConfig,
}

// ErrUsage says that the command line makes no sense.
var ErrUsage = errors.New("see prefab help")

// Run carries out the command line in args, with the settings in environ and
// the file .env. Logs and the command's answer go to out.
func Run(ctx context.Context, args, environ []string, in io.Reader, out io.Writer) error {
	name := "serve"
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	if name == "version" {
		return printVersion(out)
	}
	if name == "help" || name == "-h" || name == "--help" {
		_, err := io.WriteString(out, usage)
		return err
	}
	run, ok := commands[name]
	if !ok {
		_, _ = io.WriteString(out, usage)
		return fmt.Errorf("there is no command %q: %w", name, ErrUsage)
	}
	cfg, err := LoadConfig(environ, ".env")
	if err != nil {
		return err
	}
	log, flush := newLogger(cfg, out)
	defer flush()
	return run(ctx, environment{cfg: cfg, log: log, in: in, out: out}, args)
}

const welcome = `
  %[1]s/                  the sample catalogue
  %[1]s/api/v1/products   the same as JSON
  %[1]s/openapi.json      every route
  %[1]s/health            how it is doing

  Sign in at %[1]s/login as
`

func printWelcome(out io.Writer, address net.Addr) {
	url := "http://" + address.String()
	fmt.Fprintf(out, welcome, url)
	for _, sample := range sampleUsers {
		fmt.Fprintf(out, "    %-8s %s  %s\n", sample.user.Role, sample.user.Email, sample.password)
	}
	fmt.Fprintln(out)
}
