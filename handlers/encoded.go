package handlers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/maypok86/otter/v2"

	"example.com/prefab/services/tracing"
)

// Encoded keeps the JSON of answers that are made of cached values alone, and their
// ETags: as long as a request has read the very values that an earlier one of the
// same path and query has, its answer is the same. It needs no invalidation.
type Encoded struct {
	answers *otter.Cache[string, *encodedAnswer] // by path and query
}

type encodedAnswer struct {
	made uint64 // of which values, see tracing.Trace.Reads
	body []byte
	etag string
}

// NewEncoded keeps at most that many bytes of JSON.
func NewEncoded(maxBytes int64) *Encoded {
	const perAnswer = 256 // for the key and what else it takes
	return &Encoded{otter.Must(&otter.Options[string, *encodedAnswer]{
		MaximumWeight: uint64(maxBytes),
		Weigher:       func(key string, a *encodedAnswer) uint32 { return uint32(len(key) + len(a.body) + perAnswer) },
	})}
}

// send answers with v as JSON, and with an ETag that begins with the version of a row
// where it is not 0. Whoever asks again for the same path and query must get the same,
// for the same values: nothing of v may depend on who asks, on the time, or on what was
// read past both the cache and the database.
func (e *Encoded) send(c *fiber.Ctx, rowVersion int64, v any) error {
	made := tracing.From(c.UserContext()).Reads()
	key := utils.UnsafeString(c.Request().RequestURI())
	if made != 0 {
		if found, ok := e.answers.GetIfPresent(key); ok && found.made == made {
			return found.send(c)
		}
	}
	body, etag, err := encode(rowVersion, v)
	if err != nil {
		return err
	}
	answer := &encodedAnswer{made, body, etag}
	if made != 0 {
		e.answers.Set(utils.CopyString(key), answer)
	}
	return answer.send(c)
}

func (a *encodedAnswer) send(c *fiber.Ctx) error {
	c.Set(fiber.HeaderETag, a.etag)
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Response().SetBodyRaw(a.body) // which is never changed
	return nil
}

// encode returns v as JSON and its ETag, `"<bodyHash>"` or `"<rowVersion>-<bodyHash>"`.
// The hash covers what changes without the row, such as the stock; the version is for
// If-Match. If-None-Match is the middleware's, which sees what is really sent.
func encode(rowVersion int64, v any) (body []byte, etag string, err error) {
	if body, err = json.Marshal(v); err != nil {
		return nil, "", fmt.Errorf("encode the answer: %w", err)
	}
	sum := sha256.Sum256(body)
	etag = hex.EncodeToString(sum[:8])
	if rowVersion != 0 {
		etag = strconv.FormatInt(rowVersion, 10) + "-" + etag
	}
	return slices.Clip(body), `"` + etag + `"`, nil
}
