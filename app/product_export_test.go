package app_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/prefab/services"
	"example.com/prefab/services/export"
)

const exportPath = productsPath + "/export?format="

// What an export must carry unharmed.
var oddTexts = []string{
	"Lamp", `a "quoted", one`, "two\nlines", "a CRLF\r\ninside", "a CR\rinside", "<b>&amp;</b>", "späte Lampe 灯 🪔", "\u2028",
	"back\\slash", "'", `"`, ",", " spaced ", "; rm", "\x7f", "\x01", "NULL", "{}",
	"=1+1", "+1", "-1", "@SUM(A1)", "\ttab", "\rCR", `=HYPERLINK("http://x";"y")`,
}

// plantOddProducts adds a product for each odd text.
func (s *service) plantOddProducts() []services.ExportedProduct {
	s.t.Helper()
	category := s.category("=Lamps, \"all\"")
	created := time.Date(2026, 1, 31, 23, 59, 59, 123456000, time.UTC)
	want := make([]services.ExportedProduct, 0, len(oddTexts))
	for i, text := range oddTexts {
		p := services.ExportedProduct{
			Name: text, Description: text + text, PriceCents: int64(i), Active: i%2 == 0,
			Category:  services.Category{ID: category, Name: "=Lamps, \"all\""},
			CreatedAt: created, UpdatedAt: created.Truncate(time.Second),
		}
		p.ID = s.ids(`INSERT INTO products (name, description, price_cents, active, category_id, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id`,
			p.Name, p.Description, p.PriceCents, p.Active, category, p.CreatedAt, p.UpdatedAt)[0]
		if i%3 == 0 {
			p.Stock = int64(i)
			s.exec("INSERT INTO stock (product_id, quantity) VALUES ($1, $2)", p.ID, p.Stock)
		}
		want = append(want, p)
	}
	return want
}

func TestExport_HoldsEveryProductInEachFormat(t *testing.T) {
	s := start(t)
	admin := s.admin()
	want := s.plantOddProducts()

	whole := decode[struct{ Items []services.ExportedProduct }](admin.get(exportPath + "json").want(http.StatusOK))
	if !slices.Equal(whole.Items, want) {
		t.Errorf("json has %+v, want %+v", whole.Items, want)
	}

	var lines []services.ExportedProduct
	for line := range bytes.Lines(admin.get(exportPath + "ndjson").want(http.StatusOK).body) {
		var p services.ExportedProduct
		if err := json.Unmarshal(line, &p); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, p)
	}
	if !slices.Equal(lines, want) {
		t.Errorf("ndjson has %+v, want %+v", lines, want)
	}

	// encoding/csv takes CRLF for LF, in cells too.
	text := string(admin.get(exportPath + "csv").want(http.StatusOK).body)
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(records) != 1+len(want) {
		t.Fatalf("csv has %d records, error %v", len(records), err)
	}
	for i, p := range want {
		cells := []string{
			strconv.FormatInt(p.ID, 10), guarded(p.Name), guarded(p.Description), strconv.FormatInt(p.PriceCents, 10),
			strconv.FormatBool(p.Active), strconv.FormatInt(p.Category.ID, 10), "'" + p.Category.Name,
			strconv.FormatInt(p.Stock, 10), "2026-01-31T23:59:59.123456Z", "2026-01-31T23:59:59Z",
		}
		for j := range cells {
			cells[j] = strings.ReplaceAll(cells[j], "\r\n", "\n")
		}
		if !slices.Equal(records[i+1], cells) {
			t.Errorf("the record is %q, want %q", records[i+1], cells)
		}
	}
	if inside := `"a CRLF` + "\r\n" + `inside"`; !strings.Contains(text, inside) {
		t.Errorf("%q is not in the csv as it is", inside)
	}
}

func guarded(text string) string {
	if strings.ContainsAny(text[:1], "=+-@\t\r") {
		return "'" + text
	}
	return text
}

func TestExport_IsAPrivateFileWithAName(t *testing.T) {
	s := start(t)
	admin := s.admin()
	s.product()
	for _, format := range export.Formats {
		get := admin.get(exportPath+string(format), "Accept-Encoding", "br, gzip").want(http.StatusOK)
		head := admin.send(http.MethodHead, exportPath+string(format), "").want(http.StatusOK).queries(0)
		named := regexp.MustCompile(`^attachment; filename="products-20\d\d-\d\d-\d\d\.` + string(format) + `"$`)
		for _, got := range []answer{get, head} {
			if disposition := got.header.Get("Content-Disposition"); !named.MatchString(disposition) ||
				got.header.Get("Content-Type") != format.ContentType() ||
				got.header.Get("Cache-Control") != "private, no-store" || got.header.Get("Content-Encoding") != "" ||
				got.header.Get("ETag") != "" || got.header.Get("Content-Length") != "" {
				t.Errorf("%s of %s: %v", got.asked, format, got.header)
			}
		}
		if len(head.body) > 0 || len(get.body) == 0 {
			t.Errorf("%s: GET has %d bytes, HEAD %d", format, len(get.body), len(head.body))
		}
	}
}
