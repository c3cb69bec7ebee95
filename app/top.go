package app

import (
	"context"
	"errors"
	"flag"

	"example.com/prefab/app/top"
)

func runTop(ctx context.Context, e environment, args []string) error {
	o := top.Options{Out: e.out}
	flags := flag.NewFlagSet("top", flag.ContinueOnError)
	flags.SetOutput(e.out)
	flags.StringVar(&o.Address, "addr", e.cfg.AdminAddr, "host:port of the service's ADMIN_ADDR")
	flags.BoolVar(&o.Once, "once", false, "print one report and exit")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return errors.Join(err, ErrUsage)
	}
	return top.Run(ctx, o)
}
