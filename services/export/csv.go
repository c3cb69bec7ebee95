package export

import "strings"

// Not encoding/csv: if it ends lines with CRLF, as RFC 4180 requires, it also changes the
// line breaks inside cells.

const lineEnd = "\r\n"

func (t Table[T]) csvHeader() string {
	var text []byte
	for i, column := range t.Columns {
		if i > 0 {
			text = append(text, ',')
		}
		text = AppendText(text, column.Name)
	}
	return string(text) + lineEnd
}

func (t Table[T]) appendRecord(text []byte, row *T) ([]byte, error) {
	for i := range t.Columns {
		if i > 0 {
			text = append(text, ',')
		}
		text = t.Columns[i].Cell(text, row)
	}
	return append(text, lineEnd...), nil
}

// AppendText appends s as a CSV cell. A text that a spreadsheet would run as a formula gets
// an apostrophe in front. Do not use it for numbers, which may begin with a minus.
func AppendText(text []byte, s string) []byte {
	if s == "" {
		return text
	}
	guard := ""
	switch s[0] {
	case '=', '+', '-', '@', '\t', '\r':
		guard = "'"
	}
	quote := ""
	if strings.ContainsAny(s, "\",\r\n") {
		quote = `"`
	}
	text = append(append(text, quote...), guard...)
	text = append(text, strings.ReplaceAll(s, `"`, `""`)...)
	return append(text, quote...)
}
