package repositories_test

import (
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories"
	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

// The rules refuse these before; a store that gets one all the same has not failed.
func TestStores_ReportWhatPostgreSQLCannotTakeAsInvalid(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		products, reviews, users := repositories.NewProducts(db), repositories.NewReviews(db), repositories.NewUsers(db)
		id, author := newProduct(t, db, "a"), newUser(t, db, "ada@example.com")
		const secret = "hunter2"
		only := func(_ any, err error) error { return err }
		for _, text := range []string{secret + "\x00", secret + "\xff", secret + "\xed\xa0\x80"} {
			for what, err := range map[string]error{
				"a search":  only(users.ByEmail(t.Context(), text)),
				"an insert": only(reviews.Create(t.Context(), id, author, 5, text)),
				"an update": only(products.Update(t.Context(), id, 0, services.ProductFields{Name: &text})),
			} {
				if problem.CodeOf(err) != problem.Invalid || strings.Contains(err.Error(), secret) {
					t.Errorf("%s of %q: %v", what, text, err)
				}
			}
		}
		for what, fields := range map[string]services.ProductFields{
			"a breach of a check": {PriceCents: new(int64(-1))},
		} {
			if _, err := products.Update(t.Context(), id, 0, fields); problem.CodeOf(err) != problem.Invalid {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := users.Create(t.Context(), services.User{Email: "b@example.com", Role: "nobody"}); problem.CodeOf(err) != problem.Invalid {
			t.Errorf("a role that is none: %v", err)
		}
	})
}
