package repositories_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories"
	"example.com/prefab/services"
)

func review(t *testing.T, db *sqlx.DB, product int64, author services.User, rating int64) services.Review {
	t.Helper()
	r, err := repositories.NewReviews(db).Create(t.Context(), product, author, rating, "body by "+author.Name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestProducts_ShowReviewsExactlyAsStored(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		product := newProduct(t, db, "a")
		moments := []string{
			"2026-03-29T01:30:00Z", "2026-03-29T01:30:00.1Z", "2026-03-29T01:30:00.123456Z", "2026-03-29T01:30:00.999999Z",
			"0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z",
		}
		bodies := []string{
			`"quotes" \ and \u0041`, "lines\r\n\tand\b\f", "<b>&amp;</b>", "灯 💡 \u200d\u2028\u2029", "e\u0301 \u00e9", "\x01\x1f\x7f\ufeff\ufffd",
		}
		want := map[string]string{}
		for i, moment := range moments {
			author := newUser(t, db, fmt.Sprintf("user%d@example.com", i))
			r, err := repositories.NewReviews(db).Create(t.Context(), product, author, 5, bodies[i])
			shown := read(t, db, product).Reviews
			if err != nil || r.ID == 0 || r.Author != author.Name || r.Rating != 5 || !slices.Contains(shown, r) {
				t.Fatalf("got %+v, %v; the product shows %+v", r, err, shown)
			}
			mustExec(t, db, "UPDATE reviews SET created_at = $2 WHERE id = $1", r.ID, moment)
			want[bodies[i]] = moment
		}
		got := map[string]string{}
		for _, r := range read(t, db, product).Reviews {
			if r.CreatedAt.Location() != time.UTC {
				t.Errorf("%v is not in UTC", r.CreatedAt)
			}
			got[r.Body] = r.CreatedAt.Format(time.RFC3339Nano)
		}
		if !maps.Equal(got, want) {
			t.Errorf("the reviews are %q, want %q", got, want)
		}
	})
}

func TestReviewsCreate_OneOfManyByAUserWinsAndTheRestIsRefused(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		product, hidden := newProduct(t, db, "a"), newProduct(t, db, "hidden")
		author := newUser(t, db, "ada@example.com")
		oneWins(t, atOnce(8, func(int) error {
			_, err := repositories.NewReviews(db).Create(t.Context(), product, author, 3, "b")
			return err
		}), services.ErrReviewed)
		if n := read(t, db, product).Rating.Count; n != 1 {
			t.Errorf("%d reviews, want 1", n)
		}
		deactivate(t, db, hidden)
		for what, c := range map[string]struct {
			product int64
			want    error
		}{
			"a second review":     {product, services.ErrReviewed},
			"an inactive product": {hidden, services.ErrNoProduct},
			"an absent product":   {1 << 62, services.ErrNoProduct},
		} {
			_, err := repositories.NewReviews(db).Create(t.Context(), c.product, author, 1, "b")
			if !errors.Is(err, c.want) {
				t.Errorf("%s: error %v, want %v", what, err, c.want)
			}
		}
		review(t, db, product, newUser(t, db, "grace@example.com"), 1)
	})
}

func TestProducts_ShowTheNewestReviewsOfEachAndRateByAll(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		many, few := newProduct(t, db, "many"), newProduct(t, db, "few")
		moment := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		var newest []int64
		for i := range services.ReviewsShown + 5 {
			author := newUser(t, db, fmt.Sprintf("user%d@example.com", i))
			r := review(t, db, many, author, int64(1+i%2)) // 13 ones and 12 twos
			// Two of each moment: the later id comes first.
			mustExec(t, db, "UPDATE reviews SET created_at = $2 WHERE id = $1", r.ID, moment.Add(time.Duration(i/2)*time.Minute))
			newest = append(newest, r.ID)
			if i < 2 {
				review(t, db, few, author, int64(4+i))
			}
		}
		slices.Reverse(newest)

		found, err := repositories.NewProducts(db).Batch(t.Context(), []int64{many, few})
		if err != nil || len(found) != 2 {
			t.Fatalf("%d products, error %v", len(found), err)
		}
		if found[0].ID != many {
			slices.Reverse(found)
		}
		var shown []int64
		for _, r := range found[0].Reviews {
			shown = append(shown, r.ID)
		}
		equal(t, "the reviews shown", shown, newest[:services.ReviewsShown])
		if want := (services.Rating{Average: 1.48, Count: 25}); found[0].Rating != want {
			t.Errorf("rating %+v, want %+v", found[0].Rating, want)
		}
		if want := (services.Rating{Average: 4.5, Count: 2}); found[1].Rating != want || len(found[1].Reviews) != 2 {
			t.Errorf("rating %+v of %d reviews, want %+v of 2", found[1].Rating, len(found[1].Reviews), want)
		}
	})
}

func TestReviewsExists_IsOfTheUserAndTheProduct(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		one, other := newProduct(t, db, "one"), newProduct(t, db, "other")
		ada, grace := newUser(t, db, "ada@example.com"), newUser(t, db, "grace@example.com")
		review(t, db, one, ada, 5)
		for _, c := range []struct {
			product, user int64
			want          bool
		}{{one, ada.ID, true}, {one, grace.ID, false}, {other, ada.ID, false}, {1 << 62, ada.ID, false}} {
			if got, err := repositories.NewReviews(db).Exists(t.Context(), c.product, c.user); err != nil || got != c.want {
				t.Errorf("%+v: %t, %v", c, got, err)
			}
		}
	})
}
