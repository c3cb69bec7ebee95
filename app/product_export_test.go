package app_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"example.com/prefab/services/export"
)

const exportPath = productsPath + "/export?format="

// That the content is what it should be, services/export and repositories show.
func TestExport_IsAPrivateFileWithAName(t *testing.T) {
	s := start(t, seldom)
	admin, path := s.admin(), s.product()
	admin.setStock(path, 4711).want(http.StatusAccepted) // which waits
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
		if body := string(get.body); !strings.Contains(body, "Lamp 1") || !strings.Contains(body, "4711") {
			t.Errorf("%s: %s", format, body)
		}
	}
}
