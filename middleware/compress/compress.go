// Package compress compresses answers by br, zstd or gzip. It promises that
//
//   - an answer is compressed at most once, also if the middleware runs twice;
//   - private answers are not compressed, since their length could tell a secret;
//   - images, streams, small answers, and what is already encoded stay as they are;
//   - each encoding has its own ETag, and Vary names Accept-Encoding.
//
// For example:
//
//	compressor := compress.New(compress.Config{Level: 6, MinBytes: 1024})
//	app.Use(negotiate.ConditionalRequests, compressor.Handle)
//	app.Get("/report", func(c *fiber.Ctx) error { return c.JSON(report) })
package compress

import (
	"bytes"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/valyala/fasthttp"

	"example.com/prefab/middleware/negotiate"
)

// Config says how answers are compressed.
type Config struct {
	Level    int // from 1, the fastest, to 9, the smallest; 0 is off
	MinBytes int // smaller bodies stay as they are
}

// Compressor compresses answers in the encoding that the client prefers.
type Compressor struct{ cfg Config }

// New returns a Compressor.
func New(cfg Config) *Compressor { return &Compressor{cfg} }

// Handle is the middleware.
func (z *Compressor) Handle(c *fiber.Ctx) error {
	if err := c.Next(); err != nil {
		return err
	}
	z.Apply(c)
	return nil
}

// Apply compresses the finished response, if the client wants it and it is allowed, and
// sets Vary and ETag. A second call changes nothing.
func (z *Compressor) Apply(c *fiber.Ctx) {
	response := c.Response()
	header := &response.Header
	if z.cfg.Level == 0 || response.IsBodyStream() || len(response.Body()) == 0 || len(header.ContentEncoding()) > 0 ||
		len(header.Peek(fiber.HeaderContentRange)) > 0 || !IsCompressible(header.ContentType()) {
		return
	}
	c.Vary(fiber.HeaderAcceptEncoding)
	encoding := negotiate.Encoding(c)
	if encoding == "" || len(response.Body()) < z.cfg.MinBytes || mayReflectSecrets(c) ||
		negotiate.HasDirective(header, "no-transform") {
		return
	}
	packed := Pack(encoding, response.Body(), z.cfg.Level)
	if packed == nil {
		return
	}
	response.SetBodyRaw(packed)
	header.SetContentEncoding(encoding)
	if !bytes.HasPrefix(header.Peek(fiber.HeaderETag), []byte("W/")) {
		negotiate.TagVariant(header, encoding)
	}
}

// Pack returns the body in an encoding of negotiate.Encoding, or nil if it is no shorter.
func Pack(encoding string, body []byte, level int) (packed []byte) {
	switch encoding {
	case "br":
		packed = fasthttp.AppendBrotliBytesLevel(nil, body, max(0, level-2)) // as fast as gzip's level
	case "zstd":
		packed = fasthttp.AppendZstdBytesLevel(nil, body, fasthttp.CompressZstdDefault)
	case "gzip":
		packed = fasthttp.AppendGzipBytesLevel(nil, body, level)
	}
	if len(packed) == 0 || len(packed) >= len(body) { // fasthttp returns nothing if it is overloaded
		return nil
	}
	return packed
}

// mayReflectSecrets reports whether the answer may hold a secret beside text that an
// attacker has chosen. The length of the compressed answer would tell how similar the two
// are, and after some thousand requests the secret (the BREACH attack). Every answer for
// one client counts as such.
func mayReflectSecrets(c *fiber.Ctx) bool {
	header := &c.Response().Header
	return negotiate.IsPrivate(c) || negotiate.SetsCookie(header) ||
		negotiate.HasDirective(header, "private") || negotiate.HasDirective(header, "no-store")
}

// IsCompressible reports whether bodies of the type are text, or like it.
func IsCompressible(contentType []byte) bool {
	name, _, _ := strings.Cut(strings.ToLower(utils.UnsafeString(contentType)), ";")
	switch name = strings.TrimSpace(name); name {
	case "application/json", "application/x-ndjson", "application/xml", "application/javascript", "application/wasm":
		return true
	}
	return strings.HasPrefix(name, "text/") || strings.HasSuffix(name, "+json") || strings.HasSuffix(name, "+xml")
}
