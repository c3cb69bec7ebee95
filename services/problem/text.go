package problem

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckLine returns an error unless the value is a single line of low to high
// characters, in which every character may stand.
func CheckLine(field, value string, low, high int) error {
	var r Rules
	r.Line(field, value, low, high)
	return r.Err()
}

// textFault says which character of a text may not stand in it, or "". It is the one
// rule for all text that comes from outside, by Unicode class, near RFC 8264's
// FreeformClass. Refused are
//
//   - control characters but for line breaks and tabs: PostgreSQL cannot store the
//     NUL, and terminals obey the others;
//   - format characters (Cf) and the default ignorable: they are invisible, so that two
//     names look the same, or a name like none, and those of direction make a text read
//     other than it is;
//   - U+2028 and U+2029, which are line breaks to some readers only;
//   - private use and noncharacters: no two programs agree on what they are.
//
// Some format characters are part of how people write, and may stand where they
// are: see joins. Characters that this program's Unicode version does not know pass,
// since each year's emoji would be refused until the next version of Go.
func textFault(value string) string {
	if !utf8.ValidString(value) {
		return "must be UTF-8"
	}
	chars := []rune(" " + value + " ")
	for i, char := range chars {
		if unicode.In(char, refused...) && !unicode.Is(unicode.Prepended_Concatenation_Mark, char) &&
			!strings.ContainsRune("\n\r\t", char) && !joins(chars[i-1], char, chars[i+1]) {
			return fmt.Sprintf("must not contain the character %U", char)
		}
	}
	return ""
}

var refused = []*unicode.RangeTable{
	unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp,
	unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point,
}

const (
	zeroWidthSpace          = '\u200b'
	zeroWidthNonJoiner      = '\u200c'
	zeroWidthJoiner         = '\u200d'
	mongolianVowelSeparator = '\u180e'
	blackFlag               = '\U0001f3f4'
	firstTag, lastTag       = '\U000e0020', '\U000e007f'
)

// joins reports whether an invisible character is part of a word or of an emoji:
// between two visible ones, as in Persian and in families of emoji; or beside a mark, as
// in Indic scripts, which end words with it too. The zero width space parts the words of scripts
// that have no other; tags tell a flag's region.
func joins(before, char, after rune) bool {
	switch char {
	case zeroWidthNonJoiner, zeroWidthJoiner, mongolianVowelSeparator:
		return unicode.Is(unicode.M, before) || isVisible(before) && (isVisible(after) || unicode.Is(unicode.M, after))
	case zeroWidthSpace:
		return unicode.In(before, withoutSpaces...) && unicode.In(after, withoutSpaces...)
	}
	return isTag(char) && (before == blackFlag || isTag(before))
}

func isTag(char rune) bool { return firstTag <= char && char <= lastTag }

var withoutSpaces = []*unicode.RangeTable{unicode.Khmer, unicode.Lao, unicode.Myanmar, unicode.Thai}

// isVisible reports whether a reader sees the character by itself.
func isVisible(char rune) bool {
	const blankBraille = '\u2800'
	return char != blankBraille && !unicode.In(char, unicode.M, unicode.Z) && !unicode.In(char, refused...)
}
