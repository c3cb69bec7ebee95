package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// field is a field of a resource, as the command line describes it:
// name:type[options](table), then ! (required), ? (optional) or :unique.
type field struct {
	Kind     string // string, text, int, money, bool, date, enum, url or ref
	Name     name
	Required bool // must be given, and not empty
	Optional bool // its column may be NULL; the zero value stands for that
	Unique   bool
	Options  []string // of an enum
	Low      int64    // of an int or money
	High     int64
	Refers   *reference
	Existing string // the value in rows that exist, in SQL; "" where nothing is said
}

// reference is what a field of the kind ref points to.
type reference struct {
	Table string
	Type  name // of a row
}

var fieldSyntax = regexp.MustCompile(
	`^([a-zA-Z][a-zA-Z0-9_]*):([a-z]+)(?:\[([^\]]*)\])?(?:\(([a-z_]+)\))?([!?]?)(:unique)?([!?]?)$`)

const fieldHelp = `a field is name:type, such as name:string! town:string? rank:enum[gold,silver] since:date
rating:int[1..5] price:money notes:text website:url:unique active:bool owner:ref(users).
! means required, ? optional, :unique that no two rows may have the same value.
Without a mark, what cannot be empty or 0 is required: enum, date, url, ref, and int[1..5]`

// parseField reads one field of the command line.
func parseField(text string) (field, error) {
	m := fieldSyntax.FindStringSubmatch(text)
	if m == nil {
		return field{}, fmt.Errorf("%q is no field; %s", text, fieldHelp)
	}
	mark := m[5] + m[7]
	f := field{Kind: m[2], Required: mark == "!", Optional: mark == "?", Unique: m[6] != ""}
	bad := func(format string, args ...any) (field, error) {
		return field{}, fmt.Errorf("field %q: %s", text, fmt.Sprintf(format, args...))
	}
	if fault := f.readOptions(m[3], m[4]); fault != "" {
		return bad("%s", fault)
	}
	own := m[1]
	switch f.Kind {
	case "money":
		own += "_cents"
	case "ref":
		own += "_id"
	}
	f.Name = newName(own)
	switch {
	case m[5] != "" && m[7] != "" || len(mark) > 1:
		return bad("it has two marks")
	case m[3] != "" && f.Kind != "enum" && f.Kind != "int" && f.Kind != "money", m[4] != "" && f.Kind != "ref":
		return bad("the type %s takes no options", f.Kind)
	case f.Kind == "bool" && (f.Optional || f.Unique):
		return bad("a bool is neither optional nor unique; it is false unless it is given")
	case f.Optional && f.isNumber() && f.Low <= 0 && f.High >= 0 && f.Kind == "int":
		return bad("0 would stand for absent; give an optional int bounds without 0, such as int[1..5]")
	case slices.Contains(takenNames, f.Name.snake):
		return bad("every resource has id, row_version, created_at, updated_at, validate and rules")
	case slices.Contains(reservedSQL, f.Name.snake):
		return bad("%s is a word of SQL", f.Name.snake)
	case !f.Optional && !f.hasDefault():
		f.Required = true
	}
	return f, nil
}

// readOptions reads what stands in brackets and parentheses, and says what is wrong with it.
func (f *field) readOptions(options, table string) (fault string) {
	switch f.Kind {
	case "string", "text", "url", "date", "bool":
	case "enum":
		f.Options = strings.Split(options, ",")
		for i, option := range f.Options {
			if !enumValue.MatchString(option) || slices.Contains(f.Options[:i], option) {
				return "an enum lists its values: rank:enum[gold,silver], each once, of a-z, 0-9, - and _"
			}
		}
	case "int", "money":
		f.Low, f.High = 0, 1_000_000_000
		if options == "" {
			break
		}
		low, high, found := strings.Cut(options, "..")
		var err1, err2 error
		f.Low, err1 = strconv.ParseInt(low, 10, 64)
		f.High, err2 = strconv.ParseInt(high, 10, 64)
		if !found || err1 != nil || err2 != nil || f.Low >= f.High {
			return "its bounds are like rating:int[1..5]"
		}
	case "ref":
		if table == "" {
			return "it says which table it refers to: owner:ref(users)"
		}
		f.Refers = &reference{Table: table, Type: newName(singular(table))}
	default:
		return fmt.Sprintf("there is no type %q; there are string, text, int, money, bool, date, enum, url and ref", f.Kind)
	}
	return ""
}

var enumValue = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)

// reservedSQL are words that PostgreSQL takes as no column's or table's name.
var reservedSQL = strings.Fields(`
	all analyse analyze and any array as asc asymmetric authorization between binary both case cast check collate
	column concurrently constraint create cross current_date current_role current_time current_timestamp
	current_user default deferrable desc distinct do else end except false fetch for foreign freeze from full
	grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit
	localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary
	references returning right select session_user similar some symmetric table tablesample then to trailing true
	union unique user using variadic verbose when where window with`)

var takenNames = []string{"id", "row_version", "created_at", "updated_at", "validate", "rules"} // two are methods

// hasDefault reports whether a field without a mark may be left out.
func (f field) hasDefault() bool {
	switch f.Kind {
	case "string", "text", "bool":
		return !f.Unique
	case "int", "money":
		return f.Low <= 0 && f.High >= 0 && !f.Unique
	}
	return false
}

func (f field) isNumber() bool { return f.Kind == "int" || f.Kind == "money" || f.Kind == "ref" }

// name is a name in the spellings that Go, SQL and JSON use.
type name struct{ snake string }

var initialisms = map[string]string{
	"id": "ID", "url": "URL", "api": "API", "http": "HTTP", "ip": "IP", "sku": "SKU", "vat": "VAT",
}

// newName takes any of openedOn, OpenedOn and opened_on.
func newName(text string) name {
	var snake strings.Builder
	for i, r := range text {
		if unicode.IsUpper(r) && i > 0 && !strings.HasSuffix(snake.String(), "_") &&
			(unicode.IsLower(rune(text[i-1])) || i+1 < len(text) && unicode.IsLower(rune(text[i+1]))) {
			snake.WriteByte('_')
		}
		snake.WriteRune(unicode.ToLower(r))
	}
	return name{strings.Trim(snake.String(), "_")}
}

// Column is the name in SQL: opened_on.
func (n name) Column() string { return n.snake }

// Go is the name of an exported identifier: OpenedOn.
func (n name) Go() string {
	var b strings.Builder
	for word := range strings.SplitSeq(n.snake, "_") {
		if upper, ok := initialisms[word]; ok {
			b.WriteString(upper)
		} else if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// JSON is the name in JSON: openedOn, ownerId.
func (n name) JSON() string {
	words := strings.Split(n.snake, "_")
	for i := 1; i < len(words); i++ {
		if words[i] != "" {
			words[i] = strings.ToUpper(words[i][:1]) + words[i][1:]
		}
	}
	return strings.Join(words, "")
}

// Local is the name of a variable: openedOn, ownerID.
func (n name) Local() string {
	first, _, _ := strings.Cut(n.snake, "_")
	if upper, ok := initialisms[first]; ok {
		return first + n.Go()[len(upper):]
	}
	return strings.ToLower(n.Go()[:1]) + n.Go()[1:]
}

// Words is the name in a sentence: opened on.
func (n name) Words() string { return strings.ReplaceAll(n.snake, "_", " ") }

// plural returns the usual English plural of a word in snake_case.
func plural(word string) string {
	switch {
	case regexp.MustCompile(`[^aeiou]y$`).MatchString(word):
		return word[:len(word)-1] + "ies"
	case regexp.MustCompile(`(s|x|z|ch|sh)$`).MatchString(word):
		return word + "es"
	case regexp.MustCompile(`(shel|lea|loa|hal)f$`).MatchString(word):
		return word[:len(word)-1] + "ves"
	}
	return word + "s"
}

// singular is the inverse of plural.
func singular(word string) string {
	switch {
	case strings.HasSuffix(word, "ies"):
		return word[:len(word)-3] + "y"
	case regexp.MustCompile(`(s|x|z|ch|sh)es$`).MatchString(word):
		return word[:len(word)-2]
	}
	return strings.TrimSuffix(word, "s")
}
