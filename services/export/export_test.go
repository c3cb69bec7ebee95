package export_test

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/prefab/services/export"
)

type lamp struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

var lamps = export.Table[lamp]{
	Columns: []export.Column[lamp]{
		{Name: "id", Cell: func(b []byte, l *lamp) []byte { return strconv.AppendInt(b, l.ID, 10) }},
		{Name: "=name", Cell: func(b []byte, l *lamp) []byte { return export.AppendText(b, l.Name) }},
	},
}

func rows(all []lamp, err error) iter.Seq2[lamp, error] {
	return func(yield func(lamp, error) bool) {
		for _, l := range all {
			if !yield(l, nil) {
				return
			}
		}
		if err != nil {
			yield(lamp{}, err)
		}
	}
}

func text(t *testing.T, chunks iter.Seq2[[]byte, error]) string {
	t.Helper()
	var all strings.Builder
	for chunk, err := range chunks {
		if err != nil {
			t.Fatal(err)
		}
		all.Write(chunk)
	}
	return all.String()
}

func TestEncode_WritesEachFormat(t *testing.T) {
	two := []lamp{{1, "a, b"}, {-2, "c"}}
	for format, want := range map[export.Format][2]string{
		export.JSON:   {"{\"items\":[]}\n", "{\"items\":[{\"id\":1,\"name\":\"a, b\"},\n{\"id\":-2,\"name\":\"c\"}]}\n"},
		export.NDJSON: {"", "{\"id\":1,\"name\":\"a, b\"}\n{\"id\":-2,\"name\":\"c\"}\n"},
		export.CSV:    {"id,'=name\r\n", "id,'=name\r\n1,\"a, b\"\r\n-2,c\r\n"},
	} {
		for i, list := range [][]lamp{nil, two} {
			if got := text(t, export.Encode(rows(list, nil), lamps, format)); got != want[i] {
				t.Errorf("%s of %d: %q, want %q", format, len(list), got, want[i])
			}
		}
	}
}

func TestEncode_AnErrorIsTheLastThing(t *testing.T) {
	broken := errors.New("broken")
	for _, format := range export.Formats {
		var last error
		var got strings.Builder
		for chunk, err := range export.Encode(rows([]lamp{{1, "a"}}, broken), lamps, format) {
			if last != nil {
				t.Errorf("%s: more follows the error", format)
			}
			got.Write(chunk)
			last = err
		}
		if !errors.Is(last, broken) || strings.HasSuffix(got.String(), "]}\n") {
			t.Errorf("%s: ends with %v after %q", format, last, &got)
		}
	}
}

func TestEncode_StopsWhenTheReaderDoes(t *testing.T) {
	given := 0
	endless := func(yield func(lamp, error) bool) {
		for yield(lamp{Name: strings.Repeat("x", 1000)}, nil) {
			given++
		}
	}
	chunks := 0
	for chunk, err := range export.Encode(endless, lamps, export.CSV) {
		if err != nil || len(chunk) > 80<<10 {
			t.Fatalf("a chunk of %d bytes, error %v", len(chunk), err)
		}
		if chunks++; chunks == 3 {
			break
		}
	}
	if given > 200 { // 1 and 2 × 64
		t.Errorf("%d rows were asked for, for 3 chunks", given)
	}
}

func TestEncode_HoldsOneChunkHoweverManyRows(t *testing.T) {
	run := func(n int) float64 {
		return testing.AllocsPerRun(5, func() {
			quick := lamps
			quick.JSON = func(b []byte, l *lamp) []byte { return export.AppendString(b, l.Name) }
			for _, format := range export.Formats {
				for _, err := range export.Encode(rows(slices.Repeat([]lamp{{1, "name"}}, n), nil), quick, format) {
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	if few, many := run(10), run(50_000); many > few+10 {
		t.Errorf("%v allocations for 10 rows, %v for 50,000", few, many)
	}
}

func TestParseFormat_TakesThreeNames(t *testing.T) {
	for name, want := range map[string]export.Format{
		"": export.JSON, "json": "json", "ndjson": "ndjson", "csv": "csv", "CSV": "", "xml": "",
	} {
		if got, ok := export.ParseFormat(name); ok != (want != "") || got != want {
			t.Errorf("%q is %q, %v", name, got, ok)
		}
	}
}

// FuzzTexts: any text survives in both, and no cell can be a formula.
func FuzzTexts(f *testing.F) {
	for _, s := range []string{
		"", "plain", `"`, `\`, "\n", "\r\n", "\t", "=1", "+1", "-1", "@a", "'=1", ",", "a\"b", "<>&", "\u2028", "ä", "\xff", "\x00", "\x7f",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, _ := json.Marshal(s)
		if got := export.AppendString([]byte("x"), s); string(got) != "x"+string(want) {
			t.Errorf("%q is %s, want %s", s, got, want)
		}
		cell := string(export.AppendText(nil, s))
		if strings.IndexAny(strings.TrimPrefix(cell, `"`), "=+-@\t\r") == 0 {
			t.Errorf("%q is a formula, %q", s, cell)
		}
		records, err := csv.NewReader(strings.NewReader("a," + cell + ",b\r\n")).ReadAll()
		if err != nil || len(records) != 1 || len(records[0]) != 3 {
			t.Fatalf("%q is the cell %q: %q, %v", s, cell, records, err)
		}
		guarded := strings.TrimSuffix(strings.TrimPrefix(records[0][1], "'"), "\r")
		if plain := strings.TrimSuffix(strings.TrimPrefix(s, "'"), "\r"); guarded != strings.ReplaceAll(plain, "\r\n", "\n") {
			t.Errorf("%q comes back as %q", s, guarded)
		}
	})
}
