package problem

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckLine returns an error unless the value passes Rules.Line.
func CheckLine(field, value string, low, high int) error {
	var r Rules
	r.Line(field, value, low, high)
	return r.Err()
}

// textFault names the first character that a text must not contain, or returns "". It is
// the one rule for all text from outside, by Unicode class, close to RFC 8264's
// FreeformClass. It refuses
//
//   - control characters except line breaks and tabs: PostgreSQL cannot store NUL, and
//     terminals execute the others;
//   - format characters (Cf) and default ignorable ones: they are invisible, so that two
//     names look the same or a name looks empty, and some change the direction of text;
//   - U+2028 and U+2029, which are line breaks to some programs only;
//   - private use characters and noncharacters, which have no common meaning.
//
// Some format characters belong to a script or an emoji and pass there: see joins.
// Characters that this program's Unicode version does not know pass too: otherwise each
// year's emoji would be refused until the next version of Go.
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

// joins reports whether an invisible character is part of a word or of an emoji. A joiner
// stands between two visible characters, as in Persian and in emoji of families, or beside
// a mark, as in Indic scripts, also at the end of a word. The zero width space separates
// words in scripts without spaces. Tag characters name the region of a flag.
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
