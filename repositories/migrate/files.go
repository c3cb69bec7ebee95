package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
)

// file is one migration of this program.
type file struct {
	version  int64
	name     string
	up, down string // statements
	checksum string // of the way up
	outside  bool   // of a transaction
}

func readFiles(folder fs.FS) (map[int64]file, error) {
	names, err := fs.Glob(folder, "*.sql")
	if err != nil {
		return nil, err
	}
	files := make(map[int64]file, len(names))
	for _, name := range names {
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, err
		}
		f, err := parse(name, string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if other, taken := files[f.version]; taken {
			return nil, fmt.Errorf("%s has the number of %s", name, other.name)
		}
		files[f.version] = f
	}
	return files, nil
}

func parse(name, text string) (file, error) {
	f := file{name: name}
	number, _, _ := strings.Cut(name, "_")
	var err error
	if f.version, err = strconv.ParseInt(number, 10, 64); err != nil {
		return f, fmt.Errorf("the name does not begin with a number: %w", err)
	}
	var way *string
	for line := range strings.Lines(text) {
		switch marker := strings.TrimSpace(line); {
		case marker == "-- +goose Up":
			way = &f.up
		case marker == "-- +goose Down":
			way = &f.down
		case marker == "-- +goose NO TRANSACTION":
			f.outside = true
		case way != nil:
			*way += line
		}
	}
	if f.up == "" {
		return f, fmt.Errorf("no statement follows a line %q", "-- +goose Up")
	}
	f.checksum = checksum(f.up)
	return f, nil
}

// checksum ignores comment lines and white space, which may be edited later.
func checksum(statements string) string {
	hash := sha256.New()
	for line := range strings.Lines(statements) {
		if strings.HasPrefix(strings.TrimSpace(line), "--") {
			continue
		}
		for word := range strings.FieldsSeq(line) {
			_, _ = io.WriteString(hash, word+" ")
		}
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}
