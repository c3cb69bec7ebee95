package handlers

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services"
)

// sendVersioned answers with v as JSON and the ETag "<rowVersion>-<bodyHash>",
// or with 304 where the client holds just that. The hash covers what changes
// without the row, such as the stock; the version is for If-Match.
func sendVersioned(c *fiber.Ctx, rowVersion int64, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	sum := sha256.Sum256(body)
	etag := `"` + strconv.FormatInt(rowVersion, 10) + "-" + hex.EncodeToString(sum[:8]) + `"`
	c.Set(fiber.HeaderETag, etag)
	c.Set(fiber.HeaderCacheControl, "no-cache")
	safe := c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead
	if safe && holds(headerList(c, fiber.HeaderIfNoneMatch), etag) {
		c.Status(fiber.StatusNotModified)
		return nil
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(body)
}

// headerList returns a header that may come in several lines.
func headerList(c *fiber.Ctx, name string) string {
	return string(bytes.Join(c.Request().Header.PeekAll(name), []byte(",")))
}

// holds reports whether the If-None-Match list names the ETag, by the weak
// comparison of RFC 9110, section 13.1.2.
func holds(ifNoneMatch, etag string) bool {
	for tag := range strings.SplitSeq(ifNoneMatch, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
			return true
		}
	}
	return false
}

// ifMatch returns the row version that the request's If-Match asks for, or 0
// without one. The hash in the ETag is left aside: a review or a sale since the
// client's read must not refuse its edit of the product. Several ETags may be
// listed, but only of one version.
func ifMatch(c *fiber.Ctx) (int64, error) {
	header := headerList(c, fiber.HeaderIfMatch)
	if header == "" || strings.TrimSpace(header) == "*" {
		return 0, nil
	}
	var version int64
	for tag := range strings.SplitSeq(header, ",") {
		unquoted, quoted := strings.CutPrefix(strings.TrimSpace(tag), `"`)
		number, _, _ := strings.Cut(unquoted, "-")
		v, ok := parseID(number)
		if !quoted || !ok || version != 0 && v != version {
			return 0, services.ErrStaleProduct // the tag is not one of ours, so it matches nothing
		}
		version = v
	}
	return version, nil
}
