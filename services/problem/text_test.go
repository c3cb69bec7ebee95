package problem

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTextFault_LeavesLanguagesAndEmojiAlone(t *testing.T) {
	for what, text := range map[string]string{
		"Latin":                       "na\u00efve nai\u0308ve \u00bd \u20ac",
		"Persian":                     "می\u200cخواهم",
		"the Persian year":            "ه\u200d.ق",
		"an Arabic number sign":       "\u0600\u0661\u0662",
		"Devanagari":                  "क्\u200dष",
		"Sinhala":                     "ශ්\u200dරී",
		"Malayalam at a word's end":   "അവന്\u200d വന്നു",
		"Bengali at the end":          "হঠাত্\u200d",
		"Bengali before a mark":       "র\u200d্যাব",
		"Kannada before a mark":       "ರ\u200d್ಕ",
		"Khmer":                       "ខ្ញុំ\u200bទៅ",
		"Mongolian":                   "ᠠᠶᠢᠮᠠᠭ\u180eᠠ",
		"Hebrew and Latin":            "שלום world",
		"ideographs with a variation": "葛\U000e0100",
		"a family":                    "👩\u200d👩\u200d👧\u200d👦",
		"a heart on fire":             "❤\ufe0f\u200d🔥",
		"a skin":                      "👩🏽\u200d🚀",
		"England":                     "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
		"an emoji of next year":       "\U0001faea",
		"the replacement character":   "\ufffd",
		"lines":                       "a\r\n\tb\n",
		"strange spaces":              "a\u00a0\u3000\u2003b",
	} {
		if fault := textFault(text); fault != "" {
			t.Errorf("%s, %+q: %s", what, text, fault)
		}
	}
}

func TestTextFault_NamesWhatNobodyCanSeeOrMean(t *testing.T) {
	for code, text := range map[string]string{
		"U+0000": "a\x00", "U+0008": "\b", "U+001B": "\x1b[31m", "U+007F": "a\x7f", "U+0085": "a\u0085b",
		"U+200B": "a\u200bb", "U+200C": "a\u200c", "U+200D": "\u200da", "U+180E": "\u180e", "U+FEFF": "\ufeffa", "U+00AD": "a\u00adb",
		"U+2060": "a\u2060b", "U+200E": "a\u200eb", "U+200F": "a\u200fb", "U+061C": "a\u061cb", "U+202E": "a\u202eb", "U+2066": "\u2066a",
		"U+2028": "a\u2028b", "U+2029": "a\u2029b", "U+3164": "\u3164", "U+FFA0": "\uffa0", "U+115F": "\u115f", "U+034F": "a\u034fb",
		"U+E000": "\ue000", "U+10FFFD": "\U0010fffd", "U+FFFF": "\uffff", "U+10FFFF": "\U0010ffff", "U+FDD0": "\ufdd0",
		"U+E0061": "a\U000e0061", "U+E0001": "🏴\U000e0001", "U+FFF9": "\ufff9",
	} {
		if fault := textFault(text); !strings.HasSuffix(fault, " "+code) {
			t.Errorf("%+q: %q, want %s", text, fault, code)
		}
	}
	for _, text := range []string{"a \u200db", "a\u200d b", "a\u200d\u200db", "a\u200c\u200db", "\n\u200ca", "ខ\u200ba", "\U000e0067"} {
		if textFault(text) == "" {
			t.Errorf("%+q passes", text)
		}
	}
}

// FuzzCheckLine: what passes can be stored, seen, and told from what looks the same.
func FuzzCheckLine(f *testing.F) {
	for _, text := range []string{"", "a", " ", "a\x00", "\u200b", "a\u200db", "\xff", "🏴\U000e0067", "a\nb", "\u202e"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if err := CheckLine("field", text, 1, 50); err != nil {
			if CodeOf(err) != Invalid {
				t.Errorf("%+q: %v", text, err)
			}
			return
		}
		switch {
		case !utf8.ValidString(text), strings.TrimSpace(text) == "", utf8.RuneCountInString(text) > 50:
			t.Errorf("%+q passes", text)
		case strings.ContainsAny(text, "\x00\n\r\t\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"):
			t.Errorf("%+q passes", text)
		}
	})
}
