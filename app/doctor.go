package app

import (
	"context"
	"errors"
	"flag"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/doctor"
)

// ErrUnfit says that the doctor has found a failure.
var ErrUnfit = errors.New("this is not fit to serve: see the failures above")

func runDoctor(ctx context.Context, e environment, args []string) error {
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.SetOutput(e.out)
	production := flags.Bool("production", false, "examine as if APP_ENV were production")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return errors.Join(err, ErrUsage)
	}
	cfg := e.cfg
	if *production {
		var err error
		if cfg, err = LoadConfig(append(e.environ, "APP_ENV=production"), ".env"); err != nil {
			return err
		}
	}
	o := doctor.Options{
		Settings: cfg.Settings, Migrations: migrations(cfg, e.log), CacheBudget: cfg.Cache.Budget,
		Memory: cfg.Cache.MaxBytes + int64(cfg.PasswordConcurrency)*(19<<20), // of argon2id: services/passwords
	}
	// region sample
	o.Buffered = true
	// endregion
	if *production {
		o.Own = func(ctx context.Context, db *sqlx.DB, r *doctor.Report) {
			if err := refuseSampleUsers(ctx, db); err != nil {
				r.Fail("sample users", err.Error(), "remove them, or change their passwords")
			}
		}
	}
	report := doctor.Examine(ctx, o)
	report.Print(e.out)
	if report.Failures() > 0 {
		return ErrUnfit
	}
	return nil
}
