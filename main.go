// Prefab is a starter for web services that stay fast and up under load.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"example.com/prefab/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second SIGTERM or Ctrl-C ends the program at once

	var exited *exec.ExitError // a program that a command has run, and that has said why
	err := app.Run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout)
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, app.ErrInterrupted), errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "prefab: interrupted")
		os.Exit(130) // 128 and the number of SIGINT, as shells have it
	case errors.As(err, &exited):
		os.Exit(exited.ExitCode())
	case errors.Is(err, app.ErrUsage):
		fmt.Fprintln(os.Stderr, "prefab:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "prefab:", err)
		os.Exit(1)
	}
}
