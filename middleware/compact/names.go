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
		if encoded, err := json.Marshal(short); err != nil || short == "" || string(encoded) != `"`+short+`"` {
			panic(fmt.Sprintf("compact name %q of %q cannot stand in JSON as it is", short, name))
		}
		if _, taken := s[short]; taken {
			panic(fmt.Sprintf("compact name %q stands for two names", short))
		}
		if _, renamed := names[short]; renamed {
			panic(fmt.Sprintf("compact name %q of %q is a name to shorten itself", short, name))
		}
		s[short] = ""
	}
	maps.Copy(s, names)
	return s
}

// document returns the JSON document with short names and otherwise the same bytes. It
// returns false if the text is not JSON, or uses a short name itself.
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
		short, known := s.lookUp(text[start:end])
		if !known {
			continue
		}
		if short == "" {
			return nil, false
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

func (s shortener) lookUp(quoted []byte) (short string, known bool) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		short, known = s[string(quoted[1:len(quoted)-1])]
		return short, known
	}
	var name string
	if json.Unmarshal(quoted, &name) != nil {
		return "", false
	}
	short, known = s[name]
	return short, known
}
