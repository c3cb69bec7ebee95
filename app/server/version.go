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

// PrintVersion writes the version of the program.
func PrintVersion(out io.Writer) error {
	_, err := fmt.Fprintf(out, "prefab %s (%s, %s/%s)\n",
		programVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// programVersion is the version that was set, or else what Go makes of the commit.
func programVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && version == "" {
		return info.Main.Version
	}
	return version
}
