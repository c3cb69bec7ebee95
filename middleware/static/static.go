// Package static serves the files of a folder, such as style sheets, scripts and icons.
// It promises that
//
//   - the address of a file holds a hash of its content, so browsers may store it for a
//     year and still see every change at once;
//   - text is compressed once per encoding, not once per request;
//   - a process that runs an older or newer version serves its own file under such an
//     address, but lets nobody store it.
//
// For example:
//
//	files, err := static.New("/static/", os.DirFS("templates/static"), false)
//	if err != nil {
//		return err
//	}
//	app.Get("/static/:file", files.Serve)
//	app.Get("/favicon.ico", files.File("icon.svg"))
//	url, err := files.URL("prefab.css") // /static/prefab.0a1b2c3d4e5f6071.css
package static

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

	"example.com/prefab/middleware/compress"
	"example.com/prefab/middleware/negotiate"
)

// Files are the files of one folder. Text is compressed at the first request for it: at
// the start of each process that would take 10 MB of memory for a while.
type Files struct {
	prefix string
	files  fs.FS
	reload bool
	known  map[string]*file
}

type file struct {
	hash     string
	mimeType string
	content  []byte
	packed   map[string]func() []byte // by encoding; nil where that is no shorter
}

// New returns the files of a folder, without its sub-folders, for addresses that begin
// with prefix. Files without an extension are left out. Each file is read once, or with
// reload at every request.
func New(prefix string, files fs.FS, reload bool) (*Files, error) {
	s := &Files{prefix: prefix, files: files, reload: reload, known: make(map[string]*file)}
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, fmt.Errorf("list the static files: %w", err)
	}
	for _, entry := range entries {
		if entry.IsDir() || path.Ext(entry.Name()) == "" {
			continue
		}
		if s.known[entry.Name()], err = readFile(files, entry.Name()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func readFile(files fs.FS, name string) (*file, error) {
	content, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, fmt.Errorf("read a static file: %w", err)
	}
	sum := sha256.Sum256(content)
	f := &file{
		hash: hex.EncodeToString(sum[:8]), mimeType: utils.GetMIME(path.Ext(name)), content: content,
	}
	if !compress.IsCompressible([]byte(f.mimeType)) {
		return f, nil
	}
	f.packed = make(map[string]func() []byte)
	for _, encoding := range negotiate.Encodings {
		f.packed[encoding] = sync.OnceValue(func() []byte { return compress.Pack(encoding, content, level) })
	}
	if strings.HasPrefix(f.mimeType, "text/") {
		f.mimeType += "; charset=utf-8"
	}
	return f, nil
}

// level is that of compression. Higher ones save another tenth at most, but take half a
// second and 90 MB in each process.
const level = 8

func (s *Files) find(name string) (*file, error) {
	if s.reload {
		return readFile(s.files, name)
	}
	if f, ok := s.known[name]; ok {
		return f, nil
	}
	return nil, fmt.Errorf("the static file %q: %w", name, fs.ErrNotExist)
}

// URL returns the address of a file of the folder.
func (s *Files) URL(name string) (string, error) {
	f, err := s.find(name)
	if err != nil {
		return "", err
	}
	ext := path.Ext(name)
	return s.prefix + strings.TrimSuffix(name, ext) + "." + f.hash + ext, nil
}

// Serve answers GET with the file that the route's parameter "file" names. If the hash is
// that of another version, it sends its own file as no-cache: during a roll-out, a page
// of one version may load its files from the other.
func (s *Files) Serve(c *fiber.Ctx) error {
	f, hash, err := s.named(c.Params("file"))
	if err != nil {
		return fiber.ErrNotFound // a disk has many errors for it
	}
	if hash == f.hash {
		return f.send(c, "public, max-age=31536000, immutable")
	}
	return f.send(c, "no-cache")
}

// File answers GET with one file, for an address without a hash, such as /favicon.ico.
func (s *Files) File(name string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		f, err := s.find(name)
		if err != nil {
			return fiber.ErrNotFound
		}
		return f.send(c, "public, max-age=3600")
	}
}

func (f *file) send(c *fiber.Ctx, cacheControl string) error {
	header := &c.Response().Header
	header.Set(fiber.HeaderCacheControl, cacheControl)
	header.SetContentType(f.mimeType)
	header.Set(fiber.HeaderETag, `"`+f.hash+`"`)
	content := f.content
	if f.packed != nil {
		c.Vary(fiber.HeaderAcceptEncoding)
		if encoding := negotiate.Encoding(c); encoding != "" {
			if packed := f.packed[encoding](); packed != nil {
				content = packed
				header.SetContentEncoding(encoding)
				negotiate.TagVariant(header, encoding)
			}
		}
	}
	c.Response().SetBodyRaw(content)
	return nil
}

// named finds a file by its name with a hash, or by its plain name, which a style sheet
// may use for the files beside it.
func (s *Files) named(name string) (f *file, hash string, err error) {
	if f, err = s.find(name); err == nil {
		return f, "", nil
	}
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	hash = path.Ext(stem)
	f, err = s.find(strings.TrimSuffix(stem, hash) + ext)
	return f, strings.TrimPrefix(hash, "."), err
}
