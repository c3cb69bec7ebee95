package middleware_test

import (
	"io/fs"
	"testing"

	"example.com/prefab/middleware"
	"example.com/prefab/templates"
)

// BenchmarkNewStatic is what each process pays at its start.
func BenchmarkNewStatic(b *testing.B) {
	static, err := fs.Sub(templates.Files, "static")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := middleware.NewStatic("/static/", static, false); err != nil {
			b.Fatal(err)
		}
	}
}
