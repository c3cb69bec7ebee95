package templates

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
)

// currency stands before every price.
const currency = "€"

func funcs(asset func(string) (string, error)) template.FuncMap {
	return template.FuncMap{
		"asset": asset,
		"price": price,
		"tint":  tint,
		"stars": stars,
		// As the radio buttons' values, best first.
		"ratings": func() []string { return []string{"5", "4", "3", "2", "1"} },
	}
}

// price writes an amount of cents like "€1,234.50".
func price(cents int64) string {
	whole := strconv.FormatInt(cents/100, 10)
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return currency + whole + fmt.Sprintf(".%02d", cents%100)
}

// tints is how many colours the style sheet has for what has no picture.
const tints = 12

// tint picks the colour of an id.
func tint(id int64) int64 { return id % tints }

const maxStars = 5

// stars draws a rating like "★★★★☆".
func stars(rating int64) string {
	full := int(min(max(rating, 0), maxStars))
	return strings.Repeat("★", full) + strings.Repeat("☆", maxStars-full)
}
