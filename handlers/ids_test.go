package handlers

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"example.com/prefab/services"
)

func FuzzParseID(f *testing.F) {
	for _, s := range []string{
		"", "0", "1", "-1", "+1", "01", "1_0", "0x1", "1.0", "1e3", " 1", "1 ", "1\x00", "١",
		"9223372036854775807", "9223372036854775808", "18446744073709551617", strings.Repeat("9", 5000),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		// An id is taken in the one way in which we write it.
		want, err := strconv.ParseInt(s, 10, 64)
		isID := err == nil && want > 0 && strconv.FormatInt(want, 10) == s
		if got, ok := parseID(s); ok != isID || ok && got != want {
			t.Errorf("%q: %d, %v; want %d, %v", s, got, ok, want, isID)
		}
	})
}

func FuzzParseIDs(f *testing.F) {
	for _, s := range []string{
		"", ",", "1", "3,1,2", "1,1", "1,", ",1", "1,,2", "1, 2", "1;2", "0,1", "1,9223372036854775808",
		strings.Repeat("1,", 99) + "1", strings.Repeat("1,", 100) + "1", strings.Repeat(",", 100_000),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		ids, err := parseIDs("ids", list, services.MaxProductPage)
		if err != nil {
			if e := hasCode(t, err, services.Invalid); ids != nil || len(e.Fields) != 1 || e.Fields[0].Field != "ids" {
				t.Errorf("%q: ids %v beside %v", list, ids, err)
			}
			return
		}
		if len(ids) == 0 || len(ids) > services.MaxProductPage {
			t.Errorf("%q: %d ids", list, len(ids))
		}
		if again := strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ","), "[]"); again != list {
			t.Errorf("%q is taken, but %v is written %q", list, ids, again)
		}
	})
}
