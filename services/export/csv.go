package export

import "strings"

// encoding/csv is of no use here: when it ends lines by CRLF, as RFC 4180 wants,
// it does so inside of cells too and drops what CR there was.

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

// AppendText adds s as a CSV cell. What a spreadsheet would take for a formula,
// and run, gets an apostrophe in front, which makes it text there. Numbers do
// not pass through here: a minus is theirs.
func AppendText(text []byte, s string) []byte {
	if s == "" {
		return text
	}
	guard := ""
	switch s[0] {
	case '=', '+', '-', '@', '\t', '\r':
		guard = "'"
	}
	if !strings.ContainsAny(s, "\",\r\n") {
		text = append(text, guard...)
		return append(text, s...)
	}
	text = append(text, '"')
	text = append(text, guard...)
	for {
		before, after, quote := strings.Cut(s, `"`)
		text = append(text, before...)
		if !quote {
			return append(text, '"')
		}
		text = append(text, `""`...)
		s = after
	}
}
