package handlers

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

// recorder is a store that notes what it is asked for, and finds as much as it may.
type recorder struct {
	services.ProductStore
	limit    int
	category int64
	after    services.ProductPosition
	ids      []int64
}

func (r *recorder) List(
	_ context.Context, category int64, after services.ProductPosition, limit int,
) ([]services.ProductSummary, error) {
	r.category, r.after, r.limit = category, after, limit
	items := make([]services.ProductSummary, limit)
	for i := range items {
		items[i] = services.ProductSummary{ID: int64(limit - i), CreatedAt: time.UnixMicro(int64(limit - i))}
	}
	return items, nil
}

func (r *recorder) Batch(_ context.Context, ids []int64) ([]services.Product, error) {
	r.ids = ids
	return nil, nil
}

// FuzzFilter sends queries to the list: each is 200 or 422, and only sound values
// get as far as the store.
func FuzzFilter(f *testing.F) {
	for _, query := range []string{
		"", "limit=20", "limit=1", "limit=100", "limit=0", "limit=101", "limit=-1", "limit=%31", "limit=1&limit=2", "limit=a",
		"category=7", "category=0", "category=9223372036854775808", "category=%00", "after=x", "after=", "limit=&category=",
		"after=AAAAAAAAAAEAAAAAAAAAAQ", "after=AAAAAAAAAAEAAAAAAAAAAQ%3D%3D", "ids=", "ids", "ids=1,2,3", "ids=1%2C2", "ids=1&ids=2",
		"ids=1&limit=2", "ids=1&after", "ids=1,a", "ids=" + strings.Repeat("1,", 99) + "1", "ids=" + strings.Repeat("1,", 100) + "1",
		"%", "%zz=1", "&&&", "=", "limit=1;category=2", "LIMIT=0", "unknown=1", "limit=\xff", "limit=20#x", "limit=+5", "limit=5+", "limit=1&limit=1",
		"ids=%00", "after=%ff", "%ff=1", "%6cimit=5", "limit", "after=%E2%80%8B", strings.Repeat("x", 500),
	} {
		f.Add(query)
	}
	var store recorder
	app := fiber.New(fiber.Config{ErrorHandler: ErrorHandler(slog.New(slog.DiscardHandler))})
	app.Get("/products", NewProducts(services.NewProducts(&store), NewEncoded(1<<16), nil).List)
	serve := app.Handler()

	f.Fuzz(func(t *testing.T, query string) {
		var request fasthttp.RequestCtx
		request.Request.SetRequestURI("/products")
		request.URI().SetQueryString(query)
		store = recorder{}
		serve(&request)

		status, body := request.Response.StatusCode(), request.Response.Body()
		var answer struct {
			Items      []any                `json:"items"`
			NextCursor string               `json:"nextCursor"`
			Errors     []problem.FieldError `json:"errors"`
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatalf("%q: status %d, %v: %s", query, status, err, body)
		}
		switch {
		case status == fiber.StatusUnprocessableEntity:
			if store.limit != 0 || store.ids != nil || len(answer.Errors) != 1 || len(answer.Errors[0].Field) > maxEchoed {
				t.Errorf("%q: %s", query, body)
			}
		case status != fiber.StatusOK:
			t.Errorf("%q: status %d: %s", query, status, body)
		case store.ids != nil:
			if len(store.ids) > services.MaxProductPage || slices.Min(store.ids) < 1 {
				t.Errorf("%q: the store is asked for %v", query, store.ids)
			}
		default:
			position, ok := decodeCursor(answer.NextCursor)
			last := int64(2) // of one more than the page
			if len(answer.Items) != store.limit-1 || !ok || position.ID != last {
				t.Errorf("%q: %d items of %d, the next page after %v", query, len(answer.Items), store.limit, position)
			}
			if store.limit < 2 || store.limit > services.MaxProductPage+1 || store.category < 0 || store.after.ID < 0 {
				t.Errorf("%q: the store is asked for %+v", query, store)
			}
		}
	})
}

func TestProductsList_PassesOnWhatTheQuerySays(t *testing.T) {
	var store recorder
	app := fiber.New(fiber.Config{ErrorHandler: ErrorHandler(slog.New(slog.DiscardHandler))})
	app.Get("/products", NewProducts(services.NewProducts(&store), NewEncoded(1<<16), nil).List)
	after := services.ProductPosition{CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), ID: 8}

	var request fasthttp.RequestCtx
	request.Request.SetRequestURI("/products?limit=30&category=9&after=" + encodeCursor(after))
	app.Handler()(&request)
	if store.limit != 31 || store.category != 9 || store.after != after {
		t.Errorf("status %d, the store is asked for %+v", request.Response.StatusCode(), store)
	}
}
