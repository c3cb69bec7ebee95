package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

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
