package server

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// Generate runs the generator of the checkout, which production does not need. The error
// of a generator that fails is its *exec.ExitError; it has said why.
func Generate(ctx context.Context, in io.Reader, out io.Writer, args []string) error {
	const program = "bin/generate"
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./app/scaffold")
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the generator, in the folder of go.mod: %s", said)
	}
	c := exec.CommandContext(ctx, program, args...) //nolint:gosec // the user's own arguments
	c.Stdin, c.Stdout, c.Stderr = in, out, os.Stderr
	return c.Run()
}
