//go:build screenshots

package app_test

import (
	"testing"

	"example.com/prefab/app/devservices/devtest/browser"
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
	dark := func(l browser.Screen) browser.Screen { l.Dark = true; return l }
	product := "/products/3"

	w := s.window(browser.Desktop)
	w.Open("/")
	w.Save("../docs/screenshots/catalogue.png")
	w = s.window(dark(browser.Phone))
	w.Open("/")
	w.Save("../docs/screenshots/catalogue-phone-dark.png")
	w = s.window(dark(browser.Desktop))
	w.Open("/login?next=" + product)
	signIn(w, admin.Email)
	w.Save("../docs/screenshots/product-dark.png")
	w = s.window(browser.Phone)
	w.Open("/login?next=" + product + "/edit")
	signIn(w, admin.Email)
	w.Fill("price", "12,50")
	w.Follow("Save")
	w.Save("../docs/screenshots/edit-phone.png")
}
