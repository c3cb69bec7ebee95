package export

import (
	"encoding/json"
	"iter"
	"strings"
)

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
	begin, done := len(text), 0
	text = append(text, '"')
	for i := range len(s) {
		if plainJSON[s[i]] {
			continue
		}
		if s[i] != '"' && s[i] != '\\' {
			quoted, _ := json.Marshal(s) // of a string, this cannot fail
			return append(text[:begin], quoted...)
		}
		text = append(append(text, s[done:i]...), '\\', s[i])
		done = i + 1
	}
	text = append(text, s[done:]...)
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
