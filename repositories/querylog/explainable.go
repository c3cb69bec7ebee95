package querylog

import (
	"slices"
	"strings"
)

// explainable reports whether the text is for certain a single SELECT that
// writes and locks nothing. It knows far less SQL than PostgreSQL does, and so
// refuses whatever it might misread: comments in /* */, backslashes, quoting by
// dollars, a second statement, and any "for", be it that of substring.
func explainable(query string) bool {
	if strings.ContainsAny(query, "\\;\r") || strings.Contains(query, "/*") {
		return false
	}
	words, ok := wordsOf(query)
	return ok && len(words) > 0 && (words[0] == "select" || words[0] == "with") &&
		!slices.ContainsFunc(words, func(word string) bool { return slices.Contains(writing, word) })
}

// writing are the words without which no statement writes or locks.
var writing = []string{"insert", "update", "delete", "merge", "into", "for"}

// wordsOf returns the keywords and names of the text, in lower case, without what
// stands in quotes and comments. It reports false where it cannot tell.
func wordsOf(query string) (words []string, ok bool) {
	for query != "" {
		first, rest := query[0], query[1:]
		switch {
		case strings.HasPrefix(query, "--"):
			_, query, _ = strings.Cut(query, "\n")
		case first == '\'' || first == '"':
			if _, query, ok = strings.Cut(rest, string(first)); !ok {
				return nil, false
			}
		case first == '$' && (rest == "" || rest[0] < '0' || rest[0] > '9'):
			return nil, false
		case inWord(rune(first)):
			end := strings.IndexFunc(query, func(c rune) bool { return !inWord(c) })
			if end < 0 {
				end = len(query)
			}
			words = append(words, strings.ToLower(query[:end]))
			query = query[end:]
		default:
			query = rest
		}
	}
	return words, true
}

func inWord(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}
