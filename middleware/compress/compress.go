// Package compress compresses answers by br, zstd or gzip. It promises that
//
//   - an answer is compressed at most once, also if the middleware runs twice;
//   - private answers are not compressed, since their length could tell a secret;
//   - images, small answers, and what is already encoded stay as they are;
//   - each part of a stream is sent at once, and a stream that fails ends the connection;
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

	"github.com/gofiber/fiber/v2"
	fibercompress "github.com/gofiber/fiber/v2/middleware/compress"
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
	z.compress = afterHandler(fibercompress.New(fibercompress.Config{Level: level}))
	return z
}

// Handle is the middleware. It compresses streams too: each part is sent before the next
// one is read.
func (z *Compressor) Handle(c *fiber.Ctx) error {
	if err := c.Next(); err != nil {
		return err
	}
	if !negotiate.IsComplete(c) {
		z.Apply(c)
	}
	return nil
}

// Apply compresses the finished response, if the client wants it and it is allowed, and
// sets Vary and ETag. A second call changes nothing.
func (z *Compressor) Apply(c *fiber.Ctx) {
	response := c.Response()
	if z.compress == nil || !isCompressible(response) {
		return
	}
	negotiate.AddVary(&response.Header, fiber.HeaderAcceptEncoding)
	encoding := negotiate.Encoding(c)
	if encoding == "" || mayReflectSecrets(c) || negotiate.HasDirective(&response.Header, "no-transform") {
		return
	}
	if response.IsBodyStream() {
		if size := response.Header.ContentLength(); size < 0 || size >= z.minBytes {
			checkStream(response)
			z.run(c, encoding)
		}
	} else if body := response.Body(); len(body) >= z.minBytes {
		response.SwapBody(nil) // else the pool reuses the buffer that body points into
		response.SetBodyRaw(body)
		z.run(c, encoding)
		if n := len(response.Body()); n == 0 || n >= len(body) { // fasthttp returns nothing if it is overloaded
			response.Header.Del(fiber.HeaderContentEncoding)
			response.SetBodyRaw(body)
		}
	}
	weak := bytes.HasPrefix(response.Header.Peek(fiber.HeaderETag), []byte("W/"))
	if len(response.Header.ContentEncoding()) > 0 && !weak {
		negotiate.TagVariant(&response.Header, encoding)
	}
}

// run calls Fiber's compress with a request for that encoding alone, since Fiber has its
// own order of encodings.
func (z *Compressor) run(c *fiber.Ctx, encoding string) {
	request, response := &c.Request().Header, &c.Response().Header
	accepted, vary := string(request.Peek(fiber.HeaderAcceptEncoding)), string(response.Peek(fiber.HeaderVary))
	request.Set(fiber.HeaderAcceptEncoding, encoding)
	z.compress(c.Context())
	request.Set(fiber.HeaderAcceptEncoding, accepted)
	response.Set(fiber.HeaderVary, vary) // fasthttp does not know "*" and lower case
}

func isCompressible(response *fasthttp.Response) bool {
	switch response.StatusCode() {
	case fiber.StatusNoContent, fiber.StatusPartialContent, fiber.StatusNotModified:
		return false
	}
	header := &response.Header
	return len(header.ContentEncoding()) == 0 && len(header.Peek(fiber.HeaderContentRange)) == 0 &&
		negotiate.IsCompressible(header.ContentType()) && (response.IsBodyStream() || len(response.Body()) > 0)
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

// afterHandler makes a middleware of Fiber's run on a finished response. Fiber's compress
// calls the rest of the chain itself, so nothing could look at the response before; here
// the rest of the chain is empty.
func afterHandler(handler fiber.Handler) fasthttp.RequestHandler {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use(handler, func(*fiber.Ctx) error { return nil })
	return app.Handler()
}
