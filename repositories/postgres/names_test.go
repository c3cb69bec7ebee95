package postgres

import "testing"

func TestSnakeCase(t *testing.T) {
	for name, want := range map[string]string{
		"":             "",
		"ID":           "id",
		"Name":         "name",
		"name":         "name",
		"PriceCents":   "price_cents",
		"CategoryID":   "category_id",
		"URLPath":      "url_path",
		"HTTPServerID": "http_server_id",
		"ABTest":       "ab_test",
		"Plan9Price":   "plan9_price",
		"ÉtéÀParis":    "été_à_paris",
	} {
		if got := snakeCase(name); got != want {
			t.Errorf("snakeCase(%q) = %q, want %q", name, got, want)
		}
	}
}
