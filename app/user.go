package app

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jmoiron/sqlx"
	"golang.org/x/term"

	"example.com/prefab/repositories"
	"example.com/prefab/repositories/migrate"
	"example.com/prefab/services"
)

func runUser(ctx context.Context, e environment, args []string) error {
	if len(args) == 0 || args[0] != "add" {
		return fmt.Errorf("user takes add: %w", ErrUsage)
	}
	flags := flag.NewFlagSet("user add", flag.ContinueOnError)
	flags.SetOutput(e.out)
	email := flags.String("email", "", "the address to sign in with")
	name := flags.String("name", "", "the name that others see")
	role := flags.String("role", string(services.Member), "member or admin")
	if err := flags.Parse(args[1:]); err != nil || flags.NArg() > 0 {
		return errors.Join(err, ErrUsage)
	}
	password, err := readPassword(ctx, e)
	if err != nil {
		return err
	}
	return e.withDatabase(ctx, func(ctx context.Context, db *sqlx.DB) error {
		// The first admin may come before the first start.
		if err := migrate.Up(ctx, db.DB, migrations(e.cfg, e.log)); err != nil {
			return err
		}
		users := newUsers(e.cfg, repositories.NewUsers(db), nil)
		user, err := users.Add(ctx, services.User{Email: *email, Name: *name, Role: services.Role(*role)}, password)
		if err != nil {
			return err
		}
		fmt.Fprintf(e.out, "Added %s %s with id %d.\n", user.Role, user.Email, user.ID)
		return nil
	})
}

// readPassword asks on a terminal, and else takes the first line: an argument
// would stand in the process list and in the shell's history.
func readPassword(ctx context.Context, e environment) (string, error) {
	if file, ok := e.in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		fmt.Fprint(e.out, "Password: ")
		defer fmt.Fprintln(e.out)
		return promptPassword(ctx, int(file.Fd()))
	}
	line, err := bufio.NewReader(io.LimitReader(e.in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// promptPassword reads without an echo, and gives the echo back when it is
// interrupted, which the read itself does not notice.
func promptPassword(ctx context.Context, terminal int) (string, error) {
	before, err := term.GetState(terminal)
	if err != nil {
		return "", fmt.Errorf("read the terminal's state: %w", err)
	}
	var password []byte
	read := make(chan error, 1)
	go func() {
		var err error
		password, err = term.ReadPassword(terminal)
		read <- err
	}()
	select {
	case err := <-read:
		return string(password), err
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), term.Restore(terminal, before))
	}
}
