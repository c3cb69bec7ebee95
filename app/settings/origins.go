package settings

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Origins are the origins of web sites, with commas between, or "*" for all.
type Origins []string

var (
	errNoOrigin = errors.New("not an origin")

	// A browser sends the host in this form, and a port only if it is not the scheme's.
	origin = regexp.MustCompile(`^https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[1-9][0-9]{0,4})?$`)
)

// UnmarshalText reads a list such as https://shop.example,http://localhost:5173.
func (o *Origins) UnmarshalText(text []byte) error {
	if *o = nil; len(text) == 0 {
		return nil
	}
	for item := range strings.SplitSeq(string(text), ",") {
		item = strings.TrimSpace(item)
		u, err := url.Parse(item)
		usual := err == nil && (u.Scheme == "http" && u.Port() == "80" || u.Scheme == "https" && u.Port() == "443")
		if item != "*" && (err != nil || usual || !origin.MatchString(item)) {
			return errNoOrigin
		}
		*o = append(*o, item)
	}
	if slices.Contains(*o, "*") && len(*o) > 1 {
		return errNoOrigin
	}
	return nil
}

// Describe says what they may be.
func (Origins) Describe() string {
	return "origins exactly as browsers send them, such as https://shop.example or http://localhost:5173, " +
		"with commas between and without a path; or * alone"
}

// String lists them as they are set.
func (o Origins) String() string { return strings.Join(o, ",") }
