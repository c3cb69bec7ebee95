package repositories_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories"
	"example.com/prefab/services"
)

// search returns the names of the products that a search finds.
func search(t *testing.T, db *sqlx.DB, text string) (names []string) {
	t.Helper()
	found, err := repositories.NewProducts(db).List(t.Context(), services.ProductFilter{Name: text, Limit: 100})
	if err != nil || found == nil {
		t.Errorf("%q: %v, error %v", text, found, err)
	}
	for _, p := range found {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return names
}

func TestProductsSearch_FindsByTheBeginningsOfWords(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		category := newCategory(t, db, "a")
		for _, name := range []string{
			"Brass Desk Lamp", "Lampshade", "Headlamp", "USB-C cable 3.5m", "E27/E14 adapter", "Äpfel für Zoë’s <b>Kuchen</b>",
			"лампа", "लैंप", "shop@example.com/lamp_oil",
		} {
			newProductIn(t, db, category, name)
		}
		deactivate(t, db, newProductIn(t, db, category, "Lamp of yesterday"))
		for text, want := range map[string][]string{
			"lamp":                           {"Brass Desk Lamp", "Lampshade", "shop@example.com/lamp_oil"},
			"  LAMP  bras ":                  {"Brass Desk Lamp"},
			"lamp&bras|nothing":              nil,
			"!lamp:* & (desk)":               {"Brass Desk Lamp"},
			"'lamp' <-> \"desk\"":            {"Brass Desk Lamp"},
			"amp":                            nil,
			"usb c":                          {"USB-C cable 3.5m"},
			"usb-c":                          {"USB-C cable 3.5m"},
			"CAB":                            {"USB-C cable 3.5m"},
			"3.5":                            {"USB-C cable 3.5m"},
			"5m":                             {"USB-C cable 3.5m"},
			"e14":                            {"E27/E14 adapter"},
			"äpf zoë":                        {"Äpfel für Zoë’s <b>Kuchen</b>"},
			"kuchen":                         {"Äpfel für Zoë’s <b>Kuchen</b>"},
			"ЛАМ":                            {"лампа"},
			"लैं":                            {"लैंप"},
			"example":                        {"shop@example.com/lamp_oil"},
			"oil":                            {"shop@example.com/lamp_oil"},
			"lamp%":                          {"Brass Desk Lamp", "Lampshade", "shop@example.com/lamp_oil"},
			"l_mp":                           nil,
			"%":                              nil,
			"…":                              nil,
			"🙂":                              nil,
			"½":                              nil,
			strings.Repeat("lamp ", 40):      {"Brass Desk Lamp", "Lampshade", "shop@example.com/lamp_oil"},
			strings.Repeat("lamp ", 8) + "x": {"Brass Desk Lamp", "Lampshade", "shop@example.com/lamp_oil"}, // eight words count
			strings.Repeat("lamp ", 7) + "x": nil,
			strings.Repeat("長", 200):         nil,
		} {
			equal(t, fmt.Sprintf("the products with %q", text), search(t, db, text), want)
		}
	})
}

// Whatever is typed between two words, it separates them, and nothing makes PostgreSQL refuse.
func TestProductsSearch_TakesAnyText(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		category := newCategory(t, db, "a")
		for _, char := range "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" {
			name := fmt.Sprintf("one%ctwo %c three%c", char, char, char)
			id := newProductIn(t, db, category, name)
			for _, text := range []string{name, "two", "thr", fmt.Sprintf("%cone", char), fmt.Sprintf("two%cone", char)} {
				equal(t, fmt.Sprintf("the products with %q", text), search(t, db, text), []string{name})
			}
			deactivate(t, db, id)
		}
		random := rand.New(rand.NewPCG(1, 2))
		pieces := []string{"a", "1", ".", "-", "/", "@", ":*", "'", `\`, "&", "|", "!", "<->", "(", ")", "%", "\"", " ", "ß", "e\u0301", "長", "🙂", "²"}
		for range 500 {
			var text strings.Builder
			for range 1 + random.IntN(12) {
				text.WriteString(pieces[random.IntN(len(pieces))])
			}
			search(t, db, text.String())
		}
	})
}

// Common words are found in the order of the list, rare ones by the index; both in each
// direction, and across the thousand products in which the first way looks.
func TestProductsSearch_PagesHoldEachMatchOnceInOrder(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		newCategory(t, db, "a")
		newCategory(t, db, "b")
		mustExec(t, db, `INSERT INTO products (name, price_cents, category_id, active, created_at)
			SELECT 'Lamp ' || CASE WHEN n % 400 = 0 THEN 'zebrawood' WHEN n < 200 THEN 'old' WHEN n % 90 = 1 THEN 'brass' ELSE '' END,
			       1, 1 + n % 2, n % 7 > 0, timestamptz '2026-01-01Z' + (n / 3) * interval '1 s'
			FROM generate_series(1, 2600) n`)
		products := services.NewProducts(repositories.NewProducts(db))
		for _, f := range []services.ProductFilter{
			{Limit: 100}, {Limit: 100, CategoryID: 1},
			{Limit: 100, Name: "lamp"}, {Limit: 24, Name: "bras"}, {Limit: 3, Name: "zebra"}, {Limit: 24, Name: "old"},
			{Limit: 100, Name: "lamp", CategoryID: 2}, {Limit: 7, Name: "bras", CategoryID: 2}, {Limit: 24, Name: "old", CategoryID: 1},
			{Limit: 24, Name: "nothing"},
		} {
			want := []int64{}
			if err := db.SelectContext(t.Context(), &want, `SELECT id FROM products WHERE active AND name ~* $1 AND $2::bigint IN (0, category_id)
				ORDER BY created_at DESC, id DESC`, `\m`+f.Name, f.CategoryID); err != nil {
				t.Fatal(err)
			}
			checkPages(t, products, f, want)
		}
	})
}

func checkPages(t *testing.T, products *services.Products, f services.ProductFilter, want []int64) {
	t.Helper()
	var got []int64
	var before services.ProductPosition // at which the page before begins
	for range 100 {
		page, err := products.List(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		if previous, err := products.Previous(t.Context(), f); previous != before || err != nil {
			t.Errorf("%+v: the page before begins after %+v, %v, want %+v", f, previous, err, before)
		}
		for _, p := range page.Items {
			got = append(got, p.ID)
		}
		before, f.After = f.After, page.Next
		if page.Next == (services.ProductPosition{}) {
			break
		}
	}
	equal(t, fmt.Sprintf("the ids with %q of category %d", f.Name, f.CategoryID), got, want)
}
