package main

import (
	"strings"
	"testing"
)

func TestParseField_ReadsMarksAndOptions(t *testing.T) {
	for text, want := range map[string]string{
		"name:string!":           "name text NOT NULL | Name string | f.Name != nil | r.Line(\"name\", *f.Name, 1, 200)",
		"town:string?":           "town text | Town string | f.Town != nil | r.Line(\"town\", *f.Town, 0, 200)",
		"openedOn:date":          "opened_on date NOT NULL | OpenedOn string | f.OpenedOn != nil | r.Date(\"openedOn\", *f.OpenedOn)",
		"until:date?":            "until date | Until string | f.Until != nil && *f.Until != \"\" | r.Date(\"until\", *f.Until)",
		"rating:int[1..5]?":      "rating bigint CHECK (rating BETWEEN 1 AND 5) | Rating int64 | f.Rating != nil && *f.Rating != 0 | r.Between(\"rating\", *f.Rating, 1, 5)",
		"price:money":            "price_cents bigint NOT NULL DEFAULT 0 CHECK (price_cents BETWEEN 0 AND 1000000000) | PriceCents int64 | f.PriceCents != nil | r.Between(\"priceCents\", *f.PriceCents, 0, 1_000_000_000)",
		"rank:enum[gold,silver]": "rank text NOT NULL CHECK (rank IN ('gold', 'silver')) | Rank string | f.Rank != nil | r.OneOf(\"rank\", *f.Rank, \"gold\", \"silver\")",
		"url:url?:unique":        "url text CONSTRAINT lamps_url_key UNIQUE | URL string | f.URL != nil && *f.URL != \"\" | r.URL(\"url\", *f.URL, 500)",
		"owner:ref(users)":       "owner_id bigint NOT NULL CONSTRAINT lamps_owner_id_fkey REFERENCES users (id) ON DELETE CASCADE | OwnerID int64 | f.OwnerID != nil | r.Check(*f.OwnerID > 0, \"ownerId\", \"must be a positive number\")",
		"on_sale:bool":           "on_sale boolean NOT NULL DEFAULT false | OnSale bool | f.OnSale != nil | ",
	} {
		f, err := parseField(text)
		got := strings.Join([]string{f.Definition("lamps"), f.Name.Go() + " " + f.GoType(), f.Condition(), f.Rule()}, " | ")
		if err != nil || got != want {
			t.Errorf("%s: %v\n%s, want\n%s", text, err, got, want)
		}
	}
}

func TestParseField_RefusesWhatItCannotMake(t *testing.T) {
	for text, says := range map[string]string{
		"name":                 "is no field",
		"name:string:":         "is no field",
		"1name:string":         "is no field",
		"name:varchar":         "no type",
		"name:string[5]":       "no options",
		"rank:enum":            "lists its values",
		"rank:enum[a,a]":       "each once",
		"rank:enum[Gold]":      "a-z",
		"n:int[5..1]":          "its bounds",
		"n:int[a..b]":          "its bounds",
		"n:int?":               "bounds without 0",
		"owner:ref":            "which table",
		"on:date":              "a word of SQL",
		"id:int":               "every resource has",
		"updatedAt:date":       "every resource has",
		"active:bool?":         "a bool is neither",
		"name:string!:unique?": "two marks",
	} {
		if _, err := parseField(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %v, want %q", text, err, says)
		}
	}
}

func TestName_IsSpelledForEachLanguage(t *testing.T) {
	for text, want := range map[string]string{
		"openedOn": "opened_on OpenedOn openedOn openedOn", "opened_on": "opened_on OpenedOn openedOn openedOn",
		"PriceList": "price_list PriceList priceList priceList", "ownerId": "owner_id OwnerID ownerId ownerID",
		"url": "url URL url url", "HTTPPort": "http_port HTTPPort httpPort httpPort",
	} {
		n := newName(text)
		if got := strings.Join([]string{n.Column(), n.Go(), n.JSON(), n.Local()}, " "); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	for one, many := range map[string]string{"supplier": "suppliers", "category": "categories", "day": "days", "box": "boxes", "branch": "branches"} {
		if plural(one) != many || singular(many) != one {
			t.Errorf("%s: %s, and back %s", one, plural(one), singular(many))
		}
	}
	for one, many := range map[string]string{"shelf": "shelves", "tea_leaf": "tea_leaves", "roof": "roofs", "leave": "leaves"} {
		if got := plural(one); got != many {
			t.Errorf("%s: %s, want %s", one, got, many)
		}
	}
}

func TestVaried_ReadsAsWrittenByHand(t *testing.T) {
	for text, want := range map[string]string{
		"size:int":             "int64(n)",
		"rating:int[1..5]":     "int64(1 + n%5)",
		"price:money":          "int64(n)",
		"load:int[0..100000]":  "int64(n%100_001)",
		"depth:int[-20000..9]": "int64(-20_000 + n%20_010)",
		"rank:enum[gold,tin]":  `[]string{"gold", "tin"}[n%2]`,
	} {
		f, err := parseField(text)
		if got := f.Varied(); got != want || err != nil {
			t.Errorf("%s: %s, error %v; want %s", text, got, err, want)
		}
	}
}
