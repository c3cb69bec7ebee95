package services_test

import (
	"encoding/json"
	"testing"
	"time"

	"example.com/prefab/services"
)

func TestProductTable_WritesJSONAsTheTagsSay(t *testing.T) {
	zone := time.FixedZone("", -5*3600)
	for _, p := range []services.ExportedProduct{
		{},
		{
			ID: 7, Name: `a "b" \ <c> & ä`, Description: "\n\t\u2028", PriceCents: 1 << 62, Active: true,
			Category: services.Category{ID: -1, Name: "x"}, Stock: 3,
			CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 60_000, time.UTC), UpdatedAt: time.Date(1, 1, 1, 0, 0, 0, 0, zone),
		},
	} {
		want, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if got := services.ProductTable.JSON([]byte(" "), &p); string(got) != " "+string(want) {
			t.Errorf("it is\n%s, want\n%s", got, want)
		}
	}
}
