package middleware

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/valyala/fasthttp"
)

// Static serves the files of a folder under names that hold a hash of their
// content, "prefab.0a1b2c3d4e5f6071.css", so that browsers may keep them for good.
// Text is packed once, when it is first asked for: at the start of each process it
// would take 10 MB, which the compressors' pools keep for a while. Fiber's own knows
// no such names, and writes what it packs beside the sources.
type Static struct {
	at     string
	files  fs.FS
	reload bool
	known  map[string]*staticFile
}

type staticFile struct {
	hash     string
	mimeType string
	content  []byte
	packed   map[string]func() []byte // by encoding; nil where that is no shorter
}

// NewStatic returns the files of a folder, but not those of folders in it, for the
// addresses that begin with at, such as "/static/". They are read once; with reload,
// each time that they are asked for. Their names need an extension.
func NewStatic(at string, files fs.FS, reload bool) (*Static, error) {
	s := &Static{at: at, files: files, reload: reload, known: make(map[string]*staticFile)}
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, fmt.Errorf("list the static files: %w", err)
	}
	for _, entry := range entries {
		if entry.IsDir() || path.Ext(entry.Name()) == "" {
			continue
		}
		if s.known[entry.Name()], err = readStatic(files, entry.Name()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func readStatic(files fs.FS, name string) (*staticFile, error) {
	content, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, fmt.Errorf("read a static file: %w", err)
	}
	sum := sha256.Sum256(content)
	file := &staticFile{
		hash: hex.EncodeToString(sum[:8]), mimeType: utils.GetMIME(path.Ext(name)), content: content,
	}
	if !isCompressibleType([]byte(file.mimeType)) {
		return file, nil
	}
	// The best that brotli and zstd can do saves another tenth, and takes each process
	// half a second and 90 MB.
	file.packed = map[string]func() []byte{
		"br":   packer(fasthttp.AppendBrotliBytesLevel, content, goodBrotli),
		"zstd": packer(fasthttp.AppendZstdBytesLevel, content, fasthttp.CompressZstdDefault),
		"gzip": packer(fasthttp.AppendGzipBytesLevel, content, fasthttp.CompressBestCompression),
	}
	if strings.HasPrefix(file.mimeType, "text/") {
		file.mimeType += "; charset=utf-8"
	}
	return file, nil
}

const goodBrotli = 6

// packer packs the content when it is first asked to.
func packer(pack func(to, from []byte, level int) []byte, content []byte, level int) func() []byte {
	return sync.OnceValue(func() []byte {
		if packed := pack(nil, content, level); len(packed) < len(content) {
			return packed
		}
		return nil
	})
}

func (s *Static) find(name string) (*staticFile, error) {
	if s.reload {
		return readStatic(s.files, name)
	}
	if file, ok := s.known[name]; ok {
		return file, nil
	}
	return nil, fmt.Errorf("the static file %q: %w", name, fs.ErrNotExist)
}

// URL returns the address of a file of the folder.
func (s *Static) URL(name string) (string, error) {
	file, err := s.find(name)
	if err != nil {
		return "", err
	}
	ext := path.Ext(name)
	return s.at + strings.TrimSuffix(name, ext) + "." + file.hash + ext, nil
}

// Serve answers GET with the file that the route's parameter "file" names. For the
// hash of another version it gives what it has, to be asked for again: while a new
// version is rolled out, pages and files of both are under way.
func (s *Static) Serve(c *fiber.Ctx) error {
	file, hash, err := s.named(c.Params("file"))
	if err != nil {
		return fiber.ErrNotFound // with reload a disk has many words for it
	}
	if hash == file.hash {
		return file.send(c, "public, max-age=31536000, immutable")
	}
	return file.send(c, "no-cache")
}

// File answers GET with one file, for an address that clients choose, such as
// /favicon.ico.
func (s *Static) File(name string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		file, err := s.find(name)
		if err != nil {
			return fiber.ErrNotFound
		}
		return file.send(c, "public, max-age=3600")
	}
}

func (file *staticFile) send(c *fiber.Ctx, cacheControl string) error {
	header := &c.Response().Header
	header.Set(fiber.HeaderCacheControl, cacheControl)
	header.SetContentType(file.mimeType)
	header.Set(fiber.HeaderETag, `"`+file.hash+`"`)
	content := file.content
	if file.packed != nil {
		addVary(header, fiber.HeaderAcceptEncoding)
		if encoding := negotiate(c); encoding != "" {
			if packed := file.packed[encoding](); packed != nil {
				content = packed
				header.SetContentEncoding(encoding)
				tagVariant(header, encoding)
			}
		}
	}
	c.Response().SetBodyRaw(content)
	return nil
}

// named finds the file of a name with a hash, or of its plain name, by which a style
// sheet may ask for what lies beside it.
func (s *Static) named(name string) (file *staticFile, hash string, err error) {
	if file, err = s.find(name); err == nil {
		return file, "", nil
	}
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	hash = path.Ext(stem)
	file, err = s.find(strings.TrimSuffix(stem, hash) + ext)
	return file, strings.TrimPrefix(hash, "."), err
}
