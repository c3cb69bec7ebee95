package server

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// version is set where the program is built without its repository, as in an
// image: -ldflags "-X example.com/prefab/app/server.version=1.2.3".
var version string

// PrintVersion writes the version of the program, or else what Go makes of its commit.
func PrintVersion(out io.Writer) error {
	name := version
	if info, ok := debug.ReadBuildInfo(); ok && name == "" {
		name = info.Main.Version
	}
	_, err := fmt.Fprintf(out, "prefab %s (%s, %s/%s)\n", name, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
