//go:build unix

package devservices

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// initialise works in another folder and renames it when whole, so that one cut
// off half-way does not leave a folder that no server can start from.
func (d *postgres) initialise(ctx context.Context, life *os.File, bin, data string) error {
	runtime.LockOSThread() // see [process.fork]
	defer runtime.UnlockOSThread()
	d.log.Info("making this checkout's PostgreSQL data, once", "folder", data)
	fresh := data + ".new"
	var err error
	// Plain C knows no letters beyond ASCII, but exists everywhere.
	for _, locale := range []string{"C.UTF-8", "C"} {
		if err = os.RemoveAll(fresh); err != nil {
			return fmt.Errorf("remove unfinished data: %w", err)
		}
		args := []string{"-D", fresh, "-U", superuser, "--auth=trust", "--encoding=UTF8", "--locale=" + locale}
		if d.disposable {
			args = append(args, "--no-sync")
		}
		cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), args...)
		cmd.Dir, cmd.Env, cmd.SysProcAttr = d.place.dir, serverEnvironment(), d.place.who.attr()
		cmd.ExtraFiles = []*os.File{life} // the next start waits for it as for a server
		endWithParent(cmd.SysProcAttr, syscall.SIGTERM)
		var out []byte
		if out, err = cmd.CombinedOutput(); err == nil {
			break
		}
		err = fmt.Errorf("initdb: %w:\n%s", err, strings.TrimSpace(string(out)))
		if ctx.Err() != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	if err := os.Rename(fresh, data); err != nil {
		return fmt.Errorf("put the new data in place: %w", err)
	}
	return nil
}
