package handlers

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/handlers/rest"
	"example.com/prefab/services"
)

// recorder is a store that notes what it is asked for, and finds as much as it may.
type recorder struct {
	services.ProductStore
	limit    int
	category int64
	after    services.ProductPosition
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

func TestProductsList_PassesOnWhatTheQuerySays(t *testing.T) {
	var store recorder
	app := fiber.New(fiber.Config{ErrorHandler: rest.ErrorHandler(slog.New(slog.DiscardHandler), nil)})
	app.Get("/products", (&Products{Products: services.NewProducts(&store), JSON: rest.NewJSONCache(1 << 16)}).List)
	after := services.ProductPosition{CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), ID: 8}

	var request fasthttp.RequestCtx
	request.Request.SetRequestURI("/products?limit=30&category=9&after=" + rest.Position(after).Cursor())
	app.Handler()(&request)
	if store.limit != 31 || store.category != 9 || store.after != after {
		t.Errorf("status %d, the store is asked for %+v", request.Response.StatusCode(), store)
	}
}
