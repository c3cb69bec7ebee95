package handlers

import (
	"bytes"
	"strings"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services"
)

// sendVersioned answers with v as JSON, and with an ETag as encode makes it.
func sendVersioned(c *fiber.Ctx, rowVersion int64, v any) error {
	body, etag, err := encode(rowVersion, v)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderETag, etag)
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(body)
}

// headerList returns a header that may come in several lines.
func headerList(c *fiber.Ctx, name string) string {
	return string(bytes.Join(c.Request().Header.PeekAll(name), []byte(",")))
}

// ifMatch returns the row version that the request's If-Match asks for, or 0
// without one. The hash in the ETag is left aside: a review or a sale since the
// client's read must not refuse its edit of the product. Several ETags may be
// listed, but only of one version. What is not well formed matches nothing.
func ifMatch(c *fiber.Ctx) (int64, error) {
	header := headerList(c, fiber.HeaderIfMatch)
	if len(c.Request().Header.PeekAll(fiber.HeaderIfMatch)) == 0 || strings.TrimSpace(header) == "*" {
		return 0, nil
	}
	var version int64
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "" { // RFC 9110, section 5.6.1.2
			continue
		}
		opaque, opened := strings.CutPrefix(tag, `"`)
		opaque, ended := strings.CutSuffix(opaque, `"`)
		number, _, _ := strings.Cut(opaque, "-")
		v, ok := parseID(number)
		if !opened || !ended || strings.Contains(opaque, `"`) || !ok || version != 0 && v != version {
			return 0, services.ErrStaleProduct
		}
		version = v
	}
	if version == 0 {
		return 0, services.ErrStaleProduct
	}
	return version, nil
}
