// Package export writes rows as JSON, NDJSON or CSV while they come, so that any
// number of them takes no more memory than a chunk of their text.
//
//	for chunk, err := range export.Encode(products.Export(ctx), services.ProductTable, export.CSV) {
package export

import "slices"

// Format is a form of the text.
type Format string

// The formats.
const (
	JSON   Format = "json"   // an object whose "items" are the rows, as in other answers
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
	return Formats[i], true // and not name, whose memory may be lent
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
