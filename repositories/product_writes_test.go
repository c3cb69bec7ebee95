package repositories_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/repositories/querylog"
	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

func TestProductsCreateAndUpdate_RefuseAnUnknownCategory(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		products, id := repositories.NewProducts(db), newProduct(t, db, "a")
		fields := services.ProductFields{Name: new("b"), PriceCents: new(int64(1)), CategoryID: new(int64(1 << 62))}
		if _, err := products.Create(t.Context(), fields); !errors.Is(err, services.ErrNoCategory) {
			t.Errorf("create: error %v", err)
		}
		if _, err := products.Update(t.Context(), id, 0, fields); !errors.Is(err, services.ErrNoCategory) {
			t.Errorf("update: error %v", err)
		}
		if p := read(t, db, id); p.Name != "a" || p.RowVersion != 1 {
			t.Errorf("a refused update has changed the product: %+v", p)
		}
	})
}

func TestProductsUpdate_ChangesOnlyTheFieldsGiven(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		other := newCategory(t, db, "other")
		id := newProduct(t, db, "before")
		want := read(t, db, id)
		for _, step := range []struct {
			give   services.ProductFields
			expect func(*services.Product)
		}{
			{services.ProductFields{Name: new("after")}, func(p *services.Product) { p.Name = "after" }},
			{services.ProductFields{Description: new("text")}, func(p *services.Product) { p.Description = "text" }},
			{services.ProductFields{Description: new("")}, func(p *services.Product) { p.Description = "" }},
			{services.ProductFields{PriceCents: new(int64(0))}, func(p *services.Product) { p.PriceCents = 0 }},
			{services.ProductFields{CategoryID: &other}, func(p *services.Product) {
				p.Category = services.Category{ID: other, Name: "other"}
			}},
			{services.ProductFields{}, nil},
			{services.ProductFields{Name: new("after"), Description: new(""), CategoryID: &other}, nil},
		} {
			told, err := repositories.NewProducts(db).Update(t.Context(), id, 0, step.give)
			if err != nil {
				t.Fatal(err)
			}
			got := read(t, db, id)
			if step.expect != nil {
				step.expect(&want)
				want.RowVersion++
			} else if !got.UpdatedAt.Equal(want.UpdatedAt) {
				t.Errorf("what changes nothing was an update at %v", got.UpdatedAt)
			}
			if got.UpdatedAt.Before(want.UpdatedAt) || !got.CreatedAt.Equal(want.CreatedAt) {
				t.Errorf("created %v, updated %v", got.CreatedAt, got.UpdatedAt)
			}
			want.UpdatedAt = got.UpdatedAt
			if fmt.Sprint(got) != fmt.Sprint(want) || fmt.Sprint(told) != fmt.Sprint(want) {
				t.Errorf("told %+v, got %+v, want %+v", told, got, want)
			}
		}
	})
}

func TestProductsUpdateAndDeactivate_KeepTheirConditions(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		products := repositories.NewProducts(db)
		for name, write := range map[string]func(context.Context, int64, int64) error{
			"update": func(ctx context.Context, id, version int64) error {
				_, err := products.Update(ctx, id, version, services.ProductFields{Name: new("new")})
				return err
			},
			"deactivate": products.Deactivate,
		} {
			id, hidden := newProduct(t, db, name), newProduct(t, db, "hidden before "+name)
			deactivate(t, db, hidden)
			// The write below changes nothing then: it must tell of its version all the same.
			if _, err := products.Update(t.Context(), id, 0, services.ProductFields{Name: new("new")}); err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				what        string
				id, version int64
				want        error
			}{
				{"an absent product", 1 << 62, 0, services.ErrNoProduct},
				{"an absent product's version", 1 << 62, 1, services.ErrNoProduct},
				{"an inactive product", hidden, 0, services.ErrNoProduct},
				{"an inactive product's version", hidden, 2, services.ErrNoProduct},
				{"a version that is past", id, 1, services.ErrStaleProduct},
				{"a version to come", id, 3, services.ErrStaleProduct},
				{"the current version", id, 2, nil},
			} {
				if err := write(t.Context(), c.id, c.version); !errors.Is(err, c.want) {
					t.Errorf("%s %s: error %v, want %v", name, c.what, err, c.want)
				}
			}
			if p := read(t, db, id); p.Active && p.RowVersion != 2 || !p.Active && p.RowVersion != 3 {
				t.Errorf("%s: version %d", name, p.RowVersion)
			}
		}
	})
}

func TestProductsUpdateAndDeactivate_OneOfManyWithTheSameVersionWins(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		products, id := repositories.NewProducts(db), newProduct(t, db, "a")
		for version := int64(1); version <= 10; version++ {
			oneWins(t, atOnce(8, func(i int) error {
				name := fmt.Sprint(version, "by", i)
				_, err := products.Update(t.Context(), id, version, services.ProductFields{Name: &name})
				return err
			}), services.ErrStaleProduct)
		}
		for _, err := range atOnce(8, func(i int) error { // none of these is lost
			_, err := products.Update(t.Context(), id, 0, services.ProductFields{Name: new(fmt.Sprint(i))})
			return err
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		if p := read(t, db, id); p.RowVersion != 19 {
			t.Errorf("version %d, want 19", p.RowVersion)
		}
		oneWins(t, atOnce(8, func(int) error { return products.Deactivate(t.Context(), id, 0) }), services.ErrNoProduct)
		if p := read(t, db, id); p.Active || p.RowVersion != 20 {
			t.Errorf("deactivated, it is %+v", p)
		}
	})
}

func read(t *testing.T, db *sqlx.DB, id int64) services.Product {
	t.Helper()
	p, err := repositories.NewProducts(db).Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProductsUpdate_IsNotCommittedWhenItsAnswerIsLost(t *testing.T) {
	url := devtest.Database(t)
	plain := open(t, url, true)
	id := newProduct(t, plain, "before")
	// The connection dies between the write and the read.
	kill := func(_ context.Context, e querylog.Event) {
		if e.Name == "products.update" {
			_, err := plain.ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%products.update%'`)
			if err != nil {
				t.Error(err)
			}
		}
	}
	db := openPool(t, postgres.Options{URL: url, MaxConns: 1, Prepared: true, Observe: kill})
	_, err := repositories.NewProducts(db).Update(t.Context(), id, 0, services.ProductFields{Name: new("after")})
	if !errors.Is(err, problem.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
	if p := read(t, plain, id); p.Name != "before" || p.RowVersion != 1 {
		t.Errorf("the caller was told of a failure, and the product is %+v", p)
	}
}

func TestProductsUpdate_OnceCommittedNothingCanFail(t *testing.T) {
	url := devtest.Database(t)
	id := newProduct(t, open(t, url, true), "before")
	ctx, cancel := context.WithCancel(t.Context())
	db := openPool(t, postgres.Options{
		URL: url, MaxConns: 1, Prepared: true,
		Observe: func(_ context.Context, e querylog.Event) {
			if e.Name == "commit" {
				cancel() // whatever came after it would fail
			}
		},
	})
	p, err := repositories.NewProducts(db).Update(ctx, id, 0, services.ProductFields{Name: new("after")})
	if err != nil || p.Name != "after" || p.RowVersion != 2 {
		t.Errorf("got %+v, %v", p, err)
	}
	if ctx.Err() == nil {
		t.Error("no commit was seen: the test cannot fail")
	}
}
