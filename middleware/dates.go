package middleware

import (
	"net/http"
	"strings"
	"time"
)

// parseDate reads an HTTP-date in any of its three forms, RFC 9110, section 5.6.7,
// and in any case, RFC 9111, section 4.2. time.Parse also takes strings that are
// no HTTP-dates: with runs of spaces, an hour of one digit, fractions of a second.
func parseDate(text []byte) (time.Time, bool) {
	for _, form := range [...]string{http.TimeFormat, "Monday, 02-Jan-06 15:04:05 GMT", time.ANSIC} {
		date, err := time.Parse(form, strings.ToUpper(string(text)))
		if err != nil {
			continue
		}
		_, given, _ := strings.Cut(string(text), " ") // a wrong day of the week does no harm
		_, formatted, _ := strings.Cut(date.Format(form), " ")
		return date, strings.EqualFold(given, formatted)
	}
	return time.Time{}, false
}
