//go:build screenshots

package app_test

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"example.com/prefab/repositories"
	"example.com/prefab/services"
)

// TestScreenshots takes the pictures that the README shows.
func TestScreenshots(t *testing.T) {
	s := start(t)
	if err := repositories.Seed(t.Context(), s.db, repositories.SeedOptions{Products: 200}); err != nil {
		t.Fatal(err)
	}
	admin := s.user("ada", services.Admin)
	s.exec("UPDATE users SET name = 'Ada Admin' WHERE id = $1", admin.ID)
	dark := func(l screen) screen { l.dark = true; return l }
	product := "/products/3"

	w := s.window(desktop)
	w.open("/")
	w.save("catalogue")
	w = s.window(dark(phone))
	w.open("/")
	w.save("catalogue-phone-dark")
	w = s.window(dark(desktop))
	w.open("/login?next=" + product)
	w.signIn(admin.Email)
	w.save("product-dark")
	w = s.window(phone)
	w.open("/login?next=" + product + "/edit")
	w.signIn(admin.Email)
	w.fill("price", "12,50")
	w.follow("Save")
	w.save("edit-phone")
}

// save writes the window as it is to docs/screenshots.
func (w *window) save(name string) {
	w.s.t.Helper()
	picture, err := chromedp.Run(w.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		w.s.t.Fatal(err)
	}
	image, err := png.Decode(bytes.NewReader(picture)) // Chromium packs for speed
	if err != nil {
		w.s.t.Fatal(err)
	}
	var packed bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&packed, image); err != nil {
		w.s.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("..", "docs", "screenshots", name+".png"), packed.Bytes(), 0o644); err != nil {
		w.s.t.Fatal(err)
	}
}
