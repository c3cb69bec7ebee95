// Package templates holds the pages and the functions that they use.
//
//	layout.html   surrounds every page
//	parts.html    what several pages use
//	*.html        a page each, which defines the layout's "main"
//	static/       style, script and icon
package templates

import (
	"embed"
	"fmt"
	"html/template"
	"strconv"
	"strings"
)

// Files are the templates and static files, as they were when the program was built.
//
//go:embed *.html static
var Files embed.FS

// currency stands before every price.
const currency = "€"

// Funcs are the functions of the templates. asset returns the URL of a static file.
func Funcs(asset func(name string) (string, error)) template.FuncMap {
	return template.FuncMap{
		"asset": asset,
		"price": price,
		"tint":  tint,
		"stars": stars,
		// The values of the radio buttons, best first.
		"ratings": func() []string { return []string{"5", "4", "3", "2", "1"} },
	}
}

// price formats an amount of cents like "€1,234.50".
func price(cents int64) string {
	whole := strconv.FormatInt(cents/100, 10)
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return currency + whole + fmt.Sprintf(".%02d", cents%100)
}

// tints is the number of colours in the style sheet for products without a picture.
const tints = 12

// tint picks the colour of an id.
func tint(id int64) int64 { return id % tints }

const maxStars = 5

// stars draws a rating like "★★★★☆".
func stars(rating int64) string {
	full := int(min(max(rating, 0), maxStars))
	return strings.Repeat("★", full) + strings.Repeat("☆", maxStars-full)
}
