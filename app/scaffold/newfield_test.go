package main

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

var everyField = []string{
	"town:string?", "code:string?:unique", "label:string!=it's new", "notes:text", "size:int", "rating:int[1..5]=3", "score:int[2..9]?",
	"cost:money=1250", "fragile:bool=true", "since:date=2026-01-31", "until:date?", "rank:enum[gold,silver]=silver", "level:enum[low,high]?",
	"homepage:url?:unique", "manual:url=https://example.com/", "deputy:ref(users)?", "keeper:ref(users)=1",
}

// What a resource would be with all fields from the start is what it is with fields added later.
func TestField_MakesTheFilesThatTheWholeResourceWouldHave(t *testing.T) {
	flags := []string{"--cache", "--pages"}
	var definitions []string
	for _, text := range everyField {
		definition, _, _ := strings.Cut(text, "=")
		definitions = append(definitions, definition)
	}
	var want map[string]string
	t.Run("from the start", func(t *testing.T) {
		project(t)
		must(t, slices.Concat(lamp, definitions, flags)...)
		want = snapshot(t)
	})

	project(t)
	empty := snapshot(t)
	must(t, slices.Concat(lamp, flags)...)
	created := snapshot(t)
	must(t, append([]string{"field", "Lamp"}, everyField...)...)
	got := snapshot(t)
	const migration = "repositories/migrations/00009_add_town_and_more_to_lamps.sql"
	for _, path := range changes(want, got) {
		if path != migration && path != "repositories/migrations/00008_lamps.sql" && path != recordsPath {
			t.Errorf("%s differs:\n%s", path, got[path])
		}
	}
	if got["repositories/migrations/00008_lamps.sql"] != created["repositories/migrations/00008_lamps.sql"] {
		t.Error("the migration that may be applied is changed")
	}
	for _, part := range []string{
		"ALTER TABLE lamps\n    ADD COLUMN town text,\n",
		"    ADD COLUMN label text NOT NULL DEFAULT 'it''s new',\n    ADD COLUMN notes text NOT NULL DEFAULT '',\n",
		"    ADD COLUMN rating bigint NOT NULL DEFAULT 3 CHECK (rating BETWEEN 1 AND 5),\n",
		"    ADD COLUMN cost_cents bigint NOT NULL DEFAULT 1250 CHECK",
		"    ADD COLUMN fragile boolean NOT NULL DEFAULT true,\n    ADD COLUMN since date NOT NULL DEFAULT '2026-01-31',\n",
		"REFERENCES users (id) ON DELETE CASCADE;\nCREATE INDEX lamps_deputy_id_idx ON lamps (deputy_id);\n",
		"-- +goose Down\nALTER TABLE lamps\n    DROP COLUMN town,\n",
	} {
		if !strings.Contains(got[migration], part) {
			t.Errorf("the migration lacks %q:\n%s", part, got[migration])
		}
	}
	must(t, "destroy", "Lamp")
	if left := changes(empty, snapshot(t)); len(left) > 0 {
		t.Errorf("destroy leaves %v", left)
	}
}

func TestField_KeepsWhatTheUserHasChanged(t *testing.T) {
	project(t)
	must(t, append(lamp, "--pages")...)
	const rule = "\tr.Check(f.Watts == nil || *f.Watts != 13, \"watts\", \"must not be 13\")\n"
	edit(t, "services/lamps.go", "\t\tr.Check(*f.OwnerID > 0, \"ownerId\", \"must be a positive number\")\n\t}\n}\n",
		"\t\tr.Check(*f.OwnerID > 0, \"ownerId\", \"must be a positive number\")\n\t}\n"+rule+"}\n") // where the new rule goes
	edit(t, "services/lamps.go", "json:\"website,omitempty\"` // empty: none", "json:\"website,omitempty\"` // of its maker")
	edit(t, "templates/lamp.html", "<dt>Watts</dt>", "<dt>Power</dt>")
	if err := os.Remove("services/lamps_test.go"); err != nil {
		t.Fatal(err)
	}
	must(t, "field", "Lamp", "averyLongNameOfAField:string?", "shade:enum[white,red]=white")
	files := snapshot(t)
	for path, parts := range map[string][]string{
		"services/lamps.go": {
			rule, "`json:\"website,omitempty\"` // of its maker", "\tAveryLongNameOfAField string    `json:\"averyLongNameOfAField,omitempty\"`",
			"r.OneOf(\"shade\", *f.Shade, \"white\", \"red\")",
		},
		"templates/lamp.html": {"<dt>Power</dt>", "<dt>Shade</dt>"},
	} {
		for _, part := range parts {
			if !strings.Contains(files[path], part) {
				t.Errorf("%s lacks %q:\n%s", path, part, files[path])
			}
		}
	}
	if files["services/lamps_test.go"] != "" {
		t.Error("a file that the user has removed is back")
	}
	if _, err := generate(t, "destroy", "Lamp"); err == nil || !strings.Contains(err.Error(), "services/lamps.go") {
		t.Errorf("a changed resource is destroyed: error %v", err)
	}
}

func TestField_WritesNothingWhereBothChangeALine(t *testing.T) {
	project(t)
	must(t, lamp...)
	edit(t, "repositories/lamps.go", "INSERT INTO lamps (name, watts,", "INSERT INTO lamps (name, /* ours */ watts,")
	before := snapshot(t)
	var out strings.Builder
	err := run([]string{"field", "Lamp", "town:string?"}, &out)
	if !errors.Is(err, errUnknownShape) {
		t.Errorf("error %v", err)
	}
	for _, part := range []string{
		"repositories/lamps.go has changed", "\n<<<<<<< yours\nINSERT INTO lamps (name, /* ours */ watts,", "website, owner_id, town)\n", "Nothing was written.",
	} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("it does not say %q:\n%s", part, out.String())
		}
	}
	if changed := changes(before, snapshot(t)); len(changed) > 0 {
		t.Errorf("it changes %v", changed)
	}
	if _, err := generate(t, "field", "Lamp", "town:string?"); !errors.Is(err, errUnknownShape) {
		t.Errorf("with --no-check: error %v", err)
	}
	files := snapshot(t)
	if files["repositories/lamps.go"] != before["repositories/lamps.go"] || !strings.Contains(files["services/lamps.go"], "Town") {
		t.Error("with --no-check, it does not write all files but this one")
	}
}

func TestField_SaysWhatWouldBeRight(t *testing.T) {
	project(t)
	must(t, lamp...)
	must(t, "resource", "Shelf", "lamp:ref(lamps)", "--plural", "Shelfs")
	must(t, "field", "Shelf", "town:string?")
	before := snapshot(t)
	if !strings.Contains(before["services/shelfs.go"], "Town") {
		t.Error("the field is not where the resource's plural says")
	}
	for text, says := range map[string]string{
		"phone:string!":                   "as in 'phone:string!=unknown'",
		"phone:string!=":                  "must not be empty, as in 'phone:string!=unknown'",
		"phone:string!=a\nb":              "a single line",
		"since:date":                      "'since:date=2026-01-31'",
		"since:date=2026-02-30":           "must be a day, as in",
		"rank:enum[gold,silver]":          "'rank:enum[gold,silver]=gold'",
		"rank:enum[gold,silver]=tin":      "must be one of gold, silver",
		"rating:int[1..5]=9":              "a whole number from 1 to 5, as in 'rating:int[1..5]=1'",
		"cost:money=12.50":                "a whole number",
		"fragile:bool=yes":                "true or false",
		"home:url=javascript:alert(1)":    "an http or https URL",
		"keeper:ref(users)=0":             "the id of a row of users",
		"code:string!:unique":             "make it optional: 'code:string?:unique'",
		"serial:int[1..9]:unique=3":       "make it optional: 'serial:int[1..9]?:unique'",
		"name:text":                       "name stands twice",
		"price_cents:int":                 "price stands twice",
		"phone:varchar":                   "there is no type \"varchar\"",
		"on:date?":                        "a word of SQL",
		"maker:ref(makers)?":              "neither users nor the table",
		"parent:ref(lamps)?":              "in turn",
		"shelf:ref(shelfs)?":              "shelfs refers to lamps in turn",
		"1st:string":                      "is no field",
		"town:string? --plural Lampposts": "is no field",
	} {
		if _, err := generate(t, "field", "Lamp", text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %v, want %q", text, err, says)
		}
	}
	for _, args := range [][]string{{"field"}, {"field", "Lamp"}, {"field", "Sofa", "town:string?"}, {"field", "lamp", "town:string?"}} {
		if _, err := generate(t, args...); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
	if diff := must(t, "field", "Lamp", "town:string?", "--dry-run"); !strings.Contains(diff, "+    ADD COLUMN town text;") {
		t.Errorf("the diff is %s", diff)
	}
	if changed := changes(before, snapshot(t)); len(changed) > 0 {
		t.Errorf("it changes %v", changed)
	}
}
