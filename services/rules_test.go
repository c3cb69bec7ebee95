package services

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"example.com/prefab/services/passwords"
	"example.com/prefab/services/problem"
)

// brokenFields lists the fields that err names; nil where it is no error of ours.
func brokenFields(err error) (names []string) {
	if e, ok := errors.AsType[*problem.Error](err); ok && e.Code == problem.Invalid {
		for _, f := range e.Fields {
			names = append(names, f.Field)
		}
	}
	return names
}

func TestProductFields_RulesOfEachField(t *testing.T) {
	long := strings.Repeat("é", 5000)
	for _, c := range []struct {
		field string
		value any
		ok    bool
	}{
		{"name", "a", true},
		{"name", long[:2*200], true},
		{"name", long[:2*201], false},
		{"name", " ", false},
		{"name", "a\x00", false},
		{"description", "", true},
		{"description", long, true},
		{"description", long + "e", false},
		{"description", "\x00", false},
		{"priceCents", int64(0), true},
		{"priceCents", int64(1_000_000_000), true},
		{"priceCents", int64(1_000_000_001), false},
		{"priceCents", int64(-1), false},
		{"categoryId", int64(1), true},
		{"categoryId", int64(math.MaxInt64), true},
		{"categoryId", int64(0), false},
		{"categoryId", int64(math.MinInt64), false},
	} {
		f := ProductFields{Name: new("a"), PriceCents: new(int64(1)), CategoryID: new(int64(1))}
		switch value := c.value.(type) {
		case string:
			*map[string]**string{"name": &f.Name, "description": &f.Description}[c.field] = &value
		case int64:
			*map[string]**int64{"priceCents": &f.PriceCents, "categoryId": &f.CategoryID}[c.field] = &value
		}
		for _, err := range []error{problem.Check(f.Rules), f.Validate()} {
			if c.ok && err != nil || !c.ok && !slices.Equal(brokenFields(err), []string{c.field}) {
				t.Errorf("%s %.20q: error %v, want one: %v", c.field, fmt.Sprint(c.value), err, !c.ok)
			}
		}
	}
}

func TestRules_NameEveryBrokenFieldAtOnce(t *testing.T) {
	ctx, many, author := t.Context(), int64(1_000_000_001), User{ID: 1}
	products, reviews := NewProducts(nil), NewReviews(nil) // no rule asks the store
	stock, users := NewStock(nil, nil, nil, 1), NewUsers(nil, nil, passwords.NewHasher(1))
	only := func(_ any, err error) error { return err }
	for _, c := range []struct {
		what string
		err  error
		want string
	}{
		{"an empty product", only(products.Create(ctx, ProductFields{})), "name priceCents categoryId"},
		{"a bad product", only(products.Create(ctx, ProductFields{
			Name: new(""), Description: new("\x00"), PriceCents: &many, CategoryID: new(int64(-1)),
		})), "name description priceCents categoryId"},
		{"a bad update", only(products.Update(ctx, 1, 0, ProductFields{Name: new(""), PriceCents: &many})), "name priceCents"},
		{"an empty review", only(reviews.Create(ctx, 1, author, ReviewFields{})), "rating body"},
		{"no stars", only(reviews.Create(ctx, 1, author, ReviewFields{Rating: new(int64(0)), Body: new("a")})), "rating"},
		{"six stars", only(reviews.Create(ctx, 1, author, ReviewFields{Rating: new(int64(6)), Body: new("a")})), "rating"},
		{"a blank review", only(reviews.Create(ctx, 1, author, ReviewFields{Rating: new(int64(1)), Body: new("\n")})), "body"},
		{"a long review", only(reviews.Create(ctx, 1, author, ReviewFields{
			Rating: new(int64(5)), Body: new(strings.Repeat("a", 2001)),
		})), "body"},
		{"less than no stock", stock.Set(ctx, 1, -1), "quantity"},
		{"too much stock", stock.Set(ctx, 1, many), "quantity"},
		{"an empty user", only(users.Add(ctx, User{}, "")), "email name password role"},
		{"a short password", only(users.Add(ctx, User{Email: "a@b", Name: "a", Role: Member}, "elevenchars")), "password"},
		{"a blank password", only(users.Add(ctx, User{Email: "a@b", Name: "a", Role: Admin}, strings.Repeat(" ", 20))), "password"},
		{"an address that is not UTF-8", only(users.Add(ctx, User{Email: "\xff@b.c", Name: "a", Role: Member}, "twelve chars")), "email"},
		{"a role that is none", only(users.Add(ctx, User{Email: "a@b", Name: "a", Role: "Admin"}, "twelve chars")), "role"},
	} {
		if got := strings.Join(brokenFields(c.err), " "); got != c.want {
			t.Errorf("%s: fields %q, want %q (error %v)", c.what, got, c.want, c.err)
		}
	}
}

func TestValidEmail(t *testing.T) {
	for email, want := range map[string]bool{
		"a@b": true, "ada.lovelace+x@example.com": true, "jürgen@exämple.de": true,
		"": false, "a": false, "@": false, "@b": false, "a@": false, "a @b": false, "a@b c": false, "a\n@b": false,
		"a@b\x00": false, "a@" + strings.Repeat("b", 252): true, "a@" + strings.Repeat("b", 253): false,
	} {
		if got := validEmail(email); got != want {
			t.Errorf("%.40q: %v, want %v", email, got, want)
		}
	}
	if got := normalEmail(" Ada@Example.COM\n"); got != "ada@example.com" {
		t.Errorf("normal form %q", got)
	}
}
