package rest

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

// SendVersioned answers with v as JSON and an ETag, `"<rowVersion>-<bodyHash>"`.
func SendVersioned(c *fiber.Ctx, rowVersion int64, v any) error {
	answer, err := encode(rowVersion, v)
	if err != nil {
		return err
	}
	return answer.send(c)
}

// JSONCache stores the encoded JSON of answers that are made of cached values only, and
// their ETags. An answer is reused while requests with the same path and query read the
// very same cached values, so it needs no invalidation.
type JSONCache struct {
	// An otter.Cache, by path and query. It is an interface, or the compiler would compile
	// otter again in each package that mentions a JSONCache.
	answers interface {
		GetIfPresent(key string) (*jsonAnswer, bool)
		Set(key string, a *jsonAnswer) (*jsonAnswer, bool)
	}
}

type jsonAnswer struct {
	readsHash uint64 // which values it is made of: tracing.Trace.Reads
	body      []byte
	etag      string
}

// NewJSONCache returns a cache of at most maxBytes of JSON.
func NewJSONCache(maxBytes int64) *JSONCache {
	const overhead = 256 // of an entry, about
	return &JSONCache{otter.Must(&otter.Options[string, *jsonAnswer]{
		MaximumWeight: uint64(maxBytes),
		Weigher:       func(key string, a *jsonAnswer) uint32 { return uint32(len(key) + len(a.body) + overhead) },
	})}
}

// Send answers with v as JSON and an ETag, as SendVersioned does; rowVersion 0 is left
// out. v must depend on nothing but the path, the query and values that were read from
// the cache or the database: not on the user, nor on the time.
func (j *JSONCache) Send(c *fiber.Ctx, rowVersion int64, v any) error {
	readsHash := tracing.From(c.UserContext()).Reads()
	key := utils.UnsafeString(c.Request().RequestURI())
	if readsHash != 0 {
		if found, ok := j.answers.GetIfPresent(key); ok && found.readsHash == readsHash {
			return found.send(c)
		}
	}
	answer, err := encode(rowVersion, v)
	if err != nil {
		return err
	}
	if answer.readsHash = readsHash; readsHash != 0 {
		j.answers.Set(utils.CopyString(key), answer)
	}
	return answer.send(c)
}

func (a *jsonAnswer) send(c *fiber.Ctx) error {
	c.Set(fiber.HeaderETag, a.etag)
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Response().SetBodyRaw(a.body) // which is never changed
	return nil
}

// encode makes an answer with an ETag. Its hash covers what changes without the row,
// such as the stock; the version is for If-Match. If-None-Match is compared by the
// middleware, which knows the encoding of what is sent.
func encode(rowVersion int64, v any) (*jsonAnswer, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode the answer: %w", err)
	}
	sum := sha256.Sum256(body)
	etag := hex.EncodeToString(sum[:8])
	if rowVersion != 0 {
		etag = strconv.FormatInt(rowVersion, 10) + "-" + etag
	}
	return &jsonAnswer{body: slices.Clip(body), etag: `"` + etag + `"`}, nil
}
