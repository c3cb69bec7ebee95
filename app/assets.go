package app

import (
	"fmt"
	"io/fs"

	"example.com/prefab/middleware/static"
	"example.com/prefab/templates"
	"example.com/prefab/templates/views"
)

// assets are what pages are made of.
type assets struct {
	views  *views.Views
	static *static.Files
	reload bool // from disk, at each use
}

const (
	templatesFolder = "templates"
	staticRoute     = "/static/"
)

// loadAssets reads the templates and static files: those that the program was built
// with or, in development, those in the checkout.
func loadAssets(development bool) (assets, error) {
	files, reload := views.Files(templates.Files, templatesFolder, development)
	folder, err := fs.Sub(files, "static")
	if err != nil {
		return assets{}, fmt.Errorf("open the static files: %w", err)
	}
	a := assets{reload: reload}
	if a.static, err = static.New(staticRoute, folder, reload); err != nil {
		return assets{}, err
	}
	a.views, err = views.New(files, templates.Funcs(a.static.URL), reload)
	return a, err
}
