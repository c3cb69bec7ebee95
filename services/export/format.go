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

import "slices"

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
