package rest

import (
	"bytes"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// IfMatch returns the row version that the request's If-Match header asks for, or 0
// without the header. It ignores the hash in the ETag: a review since the client's read
// must not refuse its edit of the product. The header may list several ETags of one version.
// A malformed one matches nothing: it gives errStale.
func IfMatch(c *fiber.Ctx, errStale error) (int64, error) {
	lines := c.Request().Header.PeekAll(fiber.HeaderIfMatch)
	header := string(bytes.Join(lines, []byte(",")))
	if len(lines) == 0 || strings.TrimSpace(header) == "*" {
		return 0, nil
	}
	var version int64
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "" { // RFC 9110, section 5.6.1.2
			continue
		}
		opaque, opened := strings.CutPrefix(tag, `"`)
		opaque, closed := strings.CutSuffix(opaque, `"`)
		number, _, _ := strings.Cut(opaque, "-")
		v, ok := ParseID(number)
		if !opened || !closed || strings.Contains(opaque, `"`) || !ok || version != 0 && v != version {
			return 0, errStale
		}
		version = v
	}
	if version == 0 {
		return 0, errStale
	}
	return version, nil
}
