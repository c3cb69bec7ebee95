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

// PrintVersion writes the version of the program, or else its commit.
func PrintVersion(out io.Writer) error {
	name, modified := version, ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision" && name == "":
				name = s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				modified = ", changed since"
			}
		}
	}
	if name == "" {
		name = "of an unknown version"
	}
	_, err := fmt.Fprintf(out, "prefab %s%s (%s, %s/%s)\n",
		name, modified, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
