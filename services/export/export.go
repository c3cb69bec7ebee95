// Package export writes rows as JSON, NDJSON or CSV while they arrive. It promises that any
// number of rows takes no more memory than one chunk of text, that a text without an error
// is whole, and that no text in CSV is run by a spreadsheet as a formula.
//
//	table := export.Table[Lamp]{Columns: []export.Column[Lamp]{
//		{Name: "id", Cell: func(b []byte, l *Lamp) []byte { return strconv.AppendInt(b, l.ID, 10) }},
//		{Name: "name", Cell: func(b []byte, l *Lamp) []byte { return export.AppendText(b, l.Name) }},
//	}}
//	for chunk, err := range export.Encode(lamps, table, export.CSV) {
//		if err != nil {
//			return err
//		}
//		if _, err := file.Write(chunk); err != nil {
//			return err
//		}
//	}
package export

import (
	"encoding/json"
	"iter"
	"slices"
	"strings"
)

// Format is a format of the text.
type Format string

// The formats.
const (
	JSON   Format = "json"   // an object whose "items" are the rows, as in other answers of the API
	NDJSON Format = "ndjson" // a JSON object a line
	CSV    Format = "csv"    // RFC 4180, with a header line
)

// Formats are all of them.
var Formats = []Format{JSON, NDJSON, CSV}

// ParseFormat returns the format of that name; "" means JSON.
func ParseFormat(name string) (Format, bool) {
	if name == "" {
		return JSON, true
	}
	i := slices.Index(Formats, Format(name))
	if i < 0 {
		return "", false
	}
	return Formats[i], true // not name, which may alias memory that Fiber reuses
}

// ContentType is the format's media type.
func (f Format) ContentType() string {
	switch f {
	case CSV:
		return "text/csv; charset=utf-8"
	case NDJSON:
		return "application/x-ndjson"
	}
	return "application/json"
}

// Table says how a T is written. Its functions append to the text and return it, as do
// those of strconv and time, and AppendText and AppendString of this package.
type Table[T any] struct {
	Columns []Column[T]                      // of CSV
	JSON    func(text []byte, row *T) []byte // nil: encoding/json, which takes about five times as long
}

// Column is one column of a Table.
type Column[T any] struct {
	Name string
	Cell func(text []byte, row *T) []byte
}

const chunkSize = 64 << 10

// Encode returns the text of the rows in chunks of about 64 KiB. The first chunk comes with
// the first row, so that a failure of the query is seen early. A chunk is valid until the
// next one is asked for. An error is the last item: the text is whole only without one.
func Encode[T any](rows iter.Seq2[T, error], table Table[T], format Format) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		f := table.framing(format)
		text := append(make([]byte, 0, chunkSize+chunkSize/8), f.begin...)
		full, between := 0, ""
		current := new(T) // one for all rows, since a pointer to each would be an allocation
		for row, err := range rows {
			if err != nil {
				yield(nil, err)
				return
			}
			*current = row
			text = append(text, between...)
			between = f.between
			if text, err = f.row(text, current); err != nil {
				yield(nil, err)
				return
			}
			if len(text) > full {
				if !yield(text, nil) {
					return
				}
				text, full = text[:0], chunkSize
			}
		}
		if text = append(text, f.end...); len(text) > 0 {
			yield(text, nil)
		}
	}
}

// framing is how a format writes a row, and what it writes around the rows.
type framing[T any] struct {
	begin, between, end string
	row                 func([]byte, *T) ([]byte, error)
}

func (t Table[T]) framing(format Format) framing[T] {
	switch format {
	case CSV:
		return framing[T]{begin: t.csvHeader(), row: t.appendRecord}
	case NDJSON:
		return framing[T]{row: func(text []byte, row *T) ([]byte, error) {
			text, err := t.appendJSON(text, row)
			return append(text, '\n'), err
		}}
	}
	return framing[T]{begin: `{"items":[`, between: ",\n", end: "]}\n", row: t.appendJSON}
}

func (t Table[T]) appendJSON(text []byte, row *T) ([]byte, error) {
	if t.JSON != nil {
		return t.JSON(text, row), nil
	}
	object, err := json.Marshal(row)
	return append(text, object...), err
}

// AppendString appends s as a JSON string, exactly as encoding/json writes it.
func AppendString(text []byte, s string) []byte {
	for i := range len(s) {
		if !plainJSON[s[i]] {
			quoted, _ := json.Marshal(s) // of a string, this cannot fail
			return append(text, quoted...)
		}
	}
	text = append(text, '"')
	text = append(text, s...)
	return append(text, '"')
}

// plainJSON holds for each byte whether encoding/json writes it unchanged: one look-up is
// faster than six comparisons.
var plainJSON = func() (plain [256]bool) {
	for c := byte(' '); c <= '~'; c++ {
		plain[c] = !strings.ContainsRune(`"\<>&`, rune(c))
	}
	return plain
}()
