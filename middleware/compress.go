package middleware

import (
	"bytes"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/compress"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/valyala/fasthttp"
)

// CompressConfig says how answers are compressed.
type CompressConfig struct {
	// Level is from 1 to 9; 0 is off. Fiber knows three: 1 to 3 is its fastest, 4 to
	// 8 its default, and 9 its best, with which brotli takes a hundred times as long.
	Level    int
	MinBytes int // smaller bodies stay as they are
}

// Compressor compresses answers by br, zstd or gzip, whichever the client likes
// best. It is Fiber's compress, which it lets see only what is worth it.
type Compressor struct {
	compress fasthttp.RequestHandler // nil: off
	minBytes int
}

// NewCompressor returns a Compressor.
func NewCompressor(cfg CompressConfig) *Compressor {
	z := &Compressor{minBytes: cfg.MinBytes}
	level := compress.LevelDefault
	switch {
	case cfg.Level <= 0:
		return z
	case cfg.Level <= 3:
		level = compress.LevelBestSpeed
	case cfg.Level >= 9:
		level = compress.LevelBestCompression
	}
	z.compress = onFinished(compress.New(compress.Config{Level: level}))
	return z
}

// Handle is the middleware. Streams are compressed too and still flow: what
// their reader hands out is sent before it is asked again.
func (z *Compressor) Handle(c *fiber.Ctx) error {
	if err := c.Next(); err != nil {
		return err
	}
	if !isReplayed(c) {
		z.apply(c)
	}
	return nil
}

// apply compresses the finished response where that is wanted and allowed, and
// sets Vary and ETag. To do it twice changes nothing.
func (z *Compressor) apply(c *fiber.Ctx) {
	response := c.Response()
	if z.compress == nil || !isCompressible(response) {
		return
	}
	addVary(&response.Header, fiber.HeaderAcceptEncoding)
	encoding := negotiate(c)
	if encoding == "" || mayReflectSecrets(c) || hasDirective(&response.Header, "no-transform") {
		return
	}
	if response.IsBodyStream() {
		if size := response.Header.ContentLength(); size < 0 || size >= z.minBytes {
			watchStream(response)
			z.run(c, encoding)
		}
	} else if body := response.Body(); len(body) >= z.minBytes {
		response.SwapBody(nil) // else the buffer goes back to a pool while body points into it
		response.SetBodyRaw(body)
		z.run(c, encoding)
		if n := len(response.Body()); n == 0 || n >= len(body) { // fasthttp under too much load returns nothing
			response.Header.Del(fiber.HeaderContentEncoding)
			response.SetBodyRaw(body)
		}
	}
	weak := bytes.HasPrefix(response.Header.Peek(fiber.HeaderETag), []byte("W/"))
	if len(response.Header.ContentEncoding()) > 0 && !weak {
		tagVariant(&response.Header, encoding)
	}
}

// run lets Fiber's compress see a request for that encoding alone: it would take
// the first acceptable one in an order of its own.
func (z *Compressor) run(c *fiber.Ctx, encoding string) {
	request, response := &c.Request().Header, &c.Response().Header
	accepted, vary := string(request.Peek(fiber.HeaderAcceptEncoding)), string(response.Peek(fiber.HeaderVary))
	request.Set(fiber.HeaderAcceptEncoding, encoding)
	z.compress(c.Context())
	request.Set(fiber.HeaderAcceptEncoding, accepted)
	response.Set(fiber.HeaderVary, vary) // fasthttp adds to a "*", or what is there in lower case
}

func isCompressible(response *fasthttp.Response) bool {
	switch response.StatusCode() {
	case fiber.StatusNoContent, fiber.StatusPartialContent, fiber.StatusNotModified:
		return false
	}
	header := &response.Header
	return len(header.ContentEncoding()) == 0 && len(header.Peek(fiber.HeaderContentRange)) == 0 &&
		isCompressibleType(header.ContentType()) && (response.IsBodyStream() || len(response.Body()) > 0)
}

// isCompressibleType reports whether bodies of that type are text, or like it.
// Event streams are not: each would hold a compressor's window for as long as
// the client listens, for messages that are small.
func isCompressibleType(contentType []byte) bool {
	name, _, _ := strings.Cut(utils.UnsafeString(contentType), ";")
	switch name = strings.ToLower(trimSpace(name)); name {
	case "text/event-stream":
		return false
	case "application/json", "application/x-ndjson", "application/xml", "application/javascript",
		"application/wasm", "image/svg+xml":
		return true
	}
	return strings.HasPrefix(name, "text/") ||
		strings.HasPrefix(name, "application/") && (strings.HasSuffix(name, "+json") || strings.HasSuffix(name, "+xml"))
}

// mayReflectSecrets reports whether the answer may hold something secret beside
// something that an attacker chose. Compressed, its length would tell how alike
// the two are, and so the secret in a few thousand tries (the BREACH attack).
// Whatever is one client's own is taken for such.
func mayReflectSecrets(c *fiber.Ctx) bool {
	header := &c.Response().Header
	return personal(c) || setsCookie(header) || hasDirective(header, "private") || hasDirective(header, "no-store")
}

func setsCookie(response *fasthttp.ResponseHeader) bool {
	for range response.Cookies() {
		return true
	}
	return false
}
