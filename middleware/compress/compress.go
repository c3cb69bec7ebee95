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
	fibercompress "github.com/gofiber/fiber/v2/middleware/compress"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/valyala/fasthttp"

	"example.com/prefab/middleware/negotiate"
)

// Config says how answers are compressed.
type Config struct {
	// Level is from 1 to 9; 0 is off. Fiber has three levels: 1 to 3 is the fastest, 4 to
	// 8 the default, and 9 the best, at which brotli takes a hundred times as long.
	Level    int
	MinBytes int // smaller bodies stay as they are
}

// Compressor compresses answers by Fiber's compress middleware, in the encoding that the
// client prefers.
type Compressor struct {
	compress fasthttp.RequestHandler // nil: off
	minBytes int
}

// New returns a Compressor.
func New(cfg Config) *Compressor {
	z := &Compressor{minBytes: cfg.MinBytes}
	level := fibercompress.LevelDefault
	switch {
	case cfg.Level <= 0:
		return z
	case cfg.Level <= 3:
		level = fibercompress.LevelBestSpeed
	case cfg.Level >= 9:
		level = fibercompress.LevelBestCompression
	}
	// Fiber's middleware calls the rest of the chain itself. Here that is empty, so that
	// Apply can look at the finished response before.
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use(fibercompress.New(fibercompress.Config{Level: level}), func(*fiber.Ctx) error { return nil })
	z.compress = app.Handler()
	return z
}

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
	if z.compress == nil || response.IsBodyStream() || len(response.Body()) == 0 || len(header.ContentEncoding()) > 0 ||
		len(header.Peek(fiber.HeaderContentRange)) > 0 || !IsCompressible(header.ContentType()) {
		return
	}
	c.Vary(fiber.HeaderAcceptEncoding)
	encoding := negotiate.Encoding(c)
	if encoding == "" || len(response.Body()) < z.minBytes || mayReflectSecrets(c) ||
		negotiate.HasDirective(header, "no-transform") {
		return
	}
	z.run(c, encoding)
	if len(header.ContentEncoding()) > 0 && !bytes.HasPrefix(header.Peek(fiber.HeaderETag), []byte("W/")) {
		negotiate.TagVariant(header, encoding)
	}
}

// run calls Fiber's compress with a request for that encoding alone, since Fiber has its
// own order of encodings.
func (z *Compressor) run(c *fiber.Ctx, encoding string) {
	request, response := &c.Request().Header, c.Response()
	accepted, vary := string(request.Peek(fiber.HeaderAcceptEncoding)), string(response.Header.Peek(fiber.HeaderVary))
	body := response.Body()
	response.SwapBody(nil) // else the pool reuses the buffer that body points into
	response.SetBodyRaw(body)
	request.Set(fiber.HeaderAcceptEncoding, encoding)
	z.compress(c.Context())
	request.Set(fiber.HeaderAcceptEncoding, accepted)
	response.Header.Set(fiber.HeaderVary, vary)              // fasthttp does not know "*" and lower case
	if n := len(response.Body()); n == 0 || n >= len(body) { // fasthttp returns nothing if it is overloaded
		response.Header.Del(fiber.HeaderContentEncoding)
		response.SetBodyRaw(body)
	}
}

// Pack returns a static file in an encoding of negotiate.Encoding, or nil if it is no
// shorter.
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
