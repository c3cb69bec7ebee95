package compact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
)

// shortener maps each name to its short one, and each short name to "": a document that
// uses one itself is not shortened.
type shortener map[string]string

func newShortener(names map[string]string) shortener {
	s := make(shortener, 2*len(names))
	for name, short := range names {
		if _, taken := s[short]; taken {
			panic(fmt.Sprintf("compact name %q of %q is also that of another name", short, name))
		}
		s[short] = ""
	}
	maps.Copy(s, names)
	return s
}

// document returns the JSON document with short names and otherwise the same bytes. It
// returns false if the text is not JSON, uses a short name itself, or has escapes in a name.
func (s shortener) document(text []byte) ([]byte, bool) {
	if !json.Valid(text) {
		return nil, false
	}
	out, copied := make([]byte, 0, len(text)), 0
	for i := 0; i < len(text); i++ {
		if text[i] != '"' {
			continue
		}
		start, end := i, stringEnd(text, i)
		i = end - 1
		if !isMemberName(text[end:]) {
			continue
		}
		name := text[start+1 : end-1]
		short, known := s[string(name)]
		switch {
		case bytes.IndexByte(name, '\\') >= 0, known && short == "":
			return nil, false
		case !known:
			continue
		}
		out = append(append(append(out, text[copied:start+1]...), short...), '"')
		copied = end
	}
	return append(out, text[copied:]...), true
}

// stringEnd returns the end of the JSON string that begins at start.
func stringEnd(text []byte, start int) int {
	for i := start + 1; ; i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// isMemberName reports whether the string before rest is a member's name: only these have
// a colon behind them.
func isMemberName(rest []byte) bool {
	for _, b := range rest {
		switch b {
		case ' ', '\t', '\r', '\n':
		default:
			return b == ':'
		}
	}
	return false
}
