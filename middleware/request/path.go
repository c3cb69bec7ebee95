package request

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/problem"
)

// CanonicalPath gives every path one spelling, RFC 3986, section 6.2.2: the router, guards,
// the cache and handlers see /plain for /%70lain. With Fiber's UnescapePath, a route's
// parameter is then the decoded text. A path is refused if it is not text, or if programs
// interpret it differently: with an encoded slash, or a segment that is empty, "." or "..".
//
// Mount it before every route, since Fiber does not start its search again when the path
// changes.
func CanonicalPath(c *fiber.Ctx) error {
	uri := c.Context().URI()
	if isCanonical(uri.PathOriginal()) {
		return c.Next()
	}
	path, err := canonicalPath(string(uri.PathOriginal()))
	if err != nil {
		return err
	}
	uri.SetPath(path) // c.Path alone does not, if the router's decoded path is already equal
	c.Path(path)
	return c.Next()
}

// isCanonical is a quick check: if it is true, canonicalPath returns the path unchanged.
func isCanonical(path []byte) bool {
	for i, char := range path {
		switch {
		case 'a' <= char && char <= 'z', 'A' <= char && char <= 'Z', '0' <= char && char <= '9', char == '-', char == '_':
		case char == '/' || char == '.':
			if i > 0 && path[i-1] == '/' {
				return false
			}
		default:
			return false
		}
	}
	return len(path) > 0
}

var (
	errBadPath      = &problem.Error{Code: problem.Malformed, Message: "The path is not text in percent-encoded UTF-8."}
	errEncodedSlash = &problem.Error{Code: problem.Malformed, Message: "The path has an encoded slash."}
)

func canonicalPath(sent string) (string, error) {
	if sent == "" { // of "GET http://host?x=1", RFC 9110, section 4.2.3
		return "/", nil
	}
	path, err := url.PathUnescape(sent)
	if err != nil || !utf8.ValidString(path) || strings.ContainsFunc(path, unicode.IsControl) {
		return "", errBadPath
	}
	if strings.Count(path, "/") != strings.Count(sent, "/") {
		return "", errEncodedSlash
	}
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, segment := range segments {
		if segment == "." || segment == ".." || segment == "" && i < len(segments)-1 {
			return "", fiber.ErrNotFound
		}
	}
	// Fiber would decode a plus as a space.
	return strings.ReplaceAll((&url.URL{Path: path}).EscapedPath(), "+", "%2B"), nil
}
