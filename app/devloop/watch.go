//go:build unix

package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// quiet is how long no file must change before the changes count: editors and git write
// several at once.
const quiet = 100 * time.Millisecond

// watch sends the paths of files that were changed below root, until ctx ends.
func watch(ctx context.Context, root string) (<-chan []string, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	if _, err := watchFolder(watcher, root); err != nil {
		_ = watcher.Close()
		return nil, err
	}
	changes := make(chan []string)
	go func() {
		defer watcher.Close()
		var pending []string
		var settled <-chan time.Time
		var out chan<- []string // nil until all is quiet
		for {
			select {
			case event := <-watcher.Events:
				if event.Op == fsnotify.Chmod {
					continue
				}
				changed := []string{event.Name}
				if info, err := os.Stat(event.Name); err == nil && info.IsDir() {
					changed, _ = watchFolder(watcher, event.Name) // a folder that goes again has nothing to tell
				}
				for _, path := range changed {
					if path = filepath.ToSlash(filepath.Clean(path)); counts(path) {
						pending = append(pending, path)
						settled, out = time.After(quiet), nil
					}
				}
			case err := <-watcher.Errors:
				say("a change may be missed, save again: " + err.Error())
			case <-settled:
				settled, out = nil, changes
			case out <- pending:
				pending, out = nil, nil
			case <-ctx.Done():
				return
			}
		}
	}()
	return changes, nil
}

// watchFolder watches a folder and those in it, and returns the files there.
func watchFolder(watcher *fsnotify.Watcher, root string) (files []string, err error) {
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !entry.IsDir() {
			files = append(files, path)
			return nil
		}
		if path != "." && !countsFolder(path) {
			return fs.SkipDir
		}
		return watcher.Add(path)
	})
	return files, err
}

// countsFolder reports whether the program may be built from files of the folder.
func countsFolder(path string) bool {
	name := filepath.Base(path)
	if strings.HasPrefix(name, ".") || name == "bin" || name == "node_modules" || name == "testdata" {
		return false
	}
	_, err := os.Stat(filepath.Join(path, "go.mod")) // a module of its own
	return err != nil
}

// counts reports whether a change of the file matters. Editors' own files begin with a dot
// or end with a tilde.
func counts(path string) bool {
	name := filepath.Base(path)
	return path == settingsFile || !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, "~") &&
		!strings.HasSuffix(name, "_test.go") && path != "bin"
}

// isPage reports whether the file is read from disk in development.
func isPage(path string) bool {
	return strings.HasPrefix(path, "templates/") && !strings.HasSuffix(path, ".go")
}
