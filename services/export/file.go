package export

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
)

// Write writes the chunks.
func Write(out io.Writer, chunks iter.Seq2[[]byte, error]) error {
	for chunk, err := range chunks {
		if err != nil {
			return err
		}
		if _, err := out.Write(chunk); err != nil {
			return fmt.Errorf("write the export: %w", err)
		}
	}
	return nil
}

// WriteFile writes the chunks to a temporary file that only its owner can read, and
// renames it at the end, so that a failed export leaves the old file. It writes regular
// files only; use standard output for a pipe.
func WriteFile(path string, chunks iter.Seq2[[]byte, error]) (err error) {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file: write to standard output instead", path)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	err = Write(part, chunks)
	if err == nil {
		err = part.Sync()
	}
	err = errors.Join(err, part.Close())
	if err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		_ = os.Remove(part.Name())
	}
	return err
}
