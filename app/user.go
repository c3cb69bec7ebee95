package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"text/tabwriter"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/app/server"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/migrate"
	"example.com/prefab/repositories/redisclient"
	"example.com/prefab/services"
)

// userSteps are what `prefab user` does. Each says which flags it takes besides --email.
var userSteps = map[string]struct {
	flags []string
	run   func(context.Context, environment, *services.Users, services.User) error
}{
	"add":      {[]string{"name", "role"}, addUser},
	"list":     {nil, listUsers},
	"role":     {[]string{"role"}, setUserRole},
	"password": {nil, setUserPassword},
	"remove":   {nil, removeUser},
}

func runUser(ctx context.Context, e environment, args []string) error {
	if len(args) == 0 || userSteps[args[0]].run == nil {
		return fmt.Errorf("user takes add, list, role, password or remove: %w", ErrUsage)
	}
	step, flags := userSteps[args[0]], flag.NewFlagSet("user "+args[0], flag.ContinueOnError)
	flags.SetOutput(e.out)
	var user services.User
	if args[0] != "list" {
		flags.StringVar(&user.Email, "email", "", "the address to sign in with")
	}
	for _, name := range step.flags {
		switch name {
		case "name":
			flags.StringVar(&user.Name, name, "", "the name that others see")
		case "role":
			flags.StringVar((*string)(&user.Role), name, string(services.Member), "member or admin")
		}
	}
	if err := flags.Parse(args[1:]); err != nil || flags.NArg() > 0 {
		return errors.Join(err, ErrUsage)
	}
	return e.withUsers(ctx, func(ctx context.Context, users *services.Users) error {
		return step.run(ctx, e, users, user)
	})
}

// withUsers runs a command on the users. With REDIS_URL a change holds at once in all
// processes, and else, in development, within five seconds.
func (e environment) withUsers(ctx context.Context, do func(context.Context, *services.Users) error) error {
	return e.withDatabase(ctx, func(ctx context.Context, db *sqlx.DB) error {
		// The first admin may come before the first start.
		if err := migrate.Up(ctx, db.DB, migrations(e.cfg, e.log)); err != nil {
			return err
		}
		if e.cfg.RedisURL == "" {
			return do(ctx, newUsers(e.cfg, repositories.NewUsers(db), nil))
		}
		client, err := redisclient.Open(string(e.cfg.RedisURL), 2)
		if err != nil {
			return err
		}
		defer client.Close()
		values := openCache(e.cfg, &server.Process{DB: db, Redis: client, Log: e.log, Metrics: prometheus.NewRegistry()})
		defer values.Close()
		return do(ctx, newUsers(e.cfg, userStore(db, values, cacheTimes(e.cfg)), nil))
	})
}

func addUser(ctx context.Context, e environment, users *services.Users, u services.User) error {
	password, err := readPassword(ctx, e)
	if err != nil {
		return err
	}
	u, err = users.Add(ctx, u, password)
	return e.report(err, "Added %s %s with id %d.", u.Role, u.Email, u.ID)
}

func listUsers(ctx context.Context, e environment, users *services.Users, _ services.User) error {
	const page = 1000
	table := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tROLE\tE-MAIL\tNAME")
	for last := int64(0); ; {
		list, err := users.List(ctx, last, page)
		if err != nil {
			return err
		}
		for _, u := range list {
			fmt.Fprintf(table, "%d\t%s\t%s\t%s\n", u.ID, u.Role, u.Email, u.Name)
			last = u.ID
		}
		if len(list) < page {
			return table.Flush()
		}
	}
}

func setUserRole(ctx context.Context, e environment, users *services.Users, change services.User) error {
	u, err := users.ByEmail(ctx, change.Email)
	if err == nil {
		u, err = users.SetRole(ctx, u.ID, change.Role)
	}
	return e.report(err, "%s is %s now.", u.Email, u.Role)
}

func setUserPassword(ctx context.Context, e environment, users *services.Users, change services.User) error {
	u, err := users.ByEmail(ctx, change.Email)
	if err != nil {
		return err
	}
	password, err := readPassword(ctx, e)
	if err != nil {
		return err
	}
	_, err = users.SetPassword(ctx, u.ID, password)
	return e.report(err, "%s has a new password, and is signed out everywhere.", u.Email)
}

func removeUser(ctx context.Context, e environment, users *services.Users, change services.User) error {
	u, err := users.ByEmail(ctx, change.Email)
	if err == nil {
		err = users.Remove(ctx, u.ID)
	}
	return e.report(err, "Removed %s with id %d.", u.Email, u.ID)
}

// report prints what was done, unless err says that it was not.
func (e environment) report(err error, done string, args ...any) error {
	if err == nil {
		fmt.Fprintf(e.out, done+"\n", args...)
	}
	return err
}
