package app

import (
	"fmt"
	"io/fs"
	"os"

	"example.com/prefab/middleware"
	"example.com/prefab/templates"
)

// looks is what pages are made with.
type looks struct {
	views  *templates.Views
	static *middleware.Static
	reload bool // from disk, at each use
}

const (
	templatesFolder = "templates"
	staticRoute     = "/static/"
)

// openLooks reads the templates and static files: those that the program was built
// with, or in development, where it runs in the checkout, those on disk.
func openLooks(env Environment) (looks, error) {
	l, files := looks{}, templates.Embedded()
	if env == Development {
		if onDisk := os.DirFS(templatesFolder); exists(onDisk, "layout.html") {
			files, l.reload = onDisk, true
		}
	}
	static, err := fs.Sub(files, "static")
	if err != nil {
		return looks{}, fmt.Errorf("open the static files: %w", err)
	}
	if l.static, err = middleware.NewStatic(staticRoute, static, l.reload); err != nil {
		return looks{}, err
	}
	l.views, err = templates.New(files, l.static.URL, l.reload)
	return l, err
}

func exists(files fs.FS, name string) bool {
	_, err := fs.Stat(files, name)
	return err == nil
}
