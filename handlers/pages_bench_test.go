package handlers

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/services"
	"example.com/prefab/templates"
	"example.com/prefab/templates/views"
)

// full is a store whose lists are full, and cost nothing.
type full struct{ services.ProductStore }

func (full) List(_ context.Context, _ int64, _ services.ProductPosition, limit int) ([]services.ProductSummary, error) {
	items := make([]services.ProductSummary, limit)
	for i := range items {
		items[i] = services.ProductSummary{
			ID: int64(i + 1), Name: fmt.Sprintf("Harlow Oak Side Table, No. %d", i), PriceCents: 12_345,
			Category: services.Category{ID: 1, Name: "Bed & Bath"}, CreatedAt: time.Unix(1, 0),
		}
	}
	return items, nil
}

func (full) Get(context.Context, int64) (services.Product, error) {
	product := services.Product{
		ID: 1, Name: "Harlow Oak Side Table", Description: strings.Repeat("It stands. ", 30), PriceCents: 12_345, Active: true,
		Category: services.Category{ID: 1, Name: "Bed & Bath"}, Rating: services.Rating{Average: 4.2, Count: 20}, Stock: 3,
	}
	for i := range services.ReviewsShown {
		product.Reviews = append(product.Reviews, services.Review{
			ID: int64(i), Author: "Ada Admin", Rating: int64(1 + i%5), Body: "It stands & doesn't wobble.", CreatedAt: time.Unix(1, 0),
		})
	}
	return product, nil
}

type dozen struct{}

func (dozen) List(context.Context, int) ([]services.Category, error) {
	categories := make([]services.Category, 12)
	for i := range categories {
		categories[i] = services.Category{ID: int64(i + 1), Name: fmt.Sprintf("Department %d", i)}
	}
	return categories, nil
}

// BenchmarkPages renders the two pages that people read most, in one goroutine and in
// as many as there are cores: the ratio of their pages per second is how far they
// keep out of each other's way.
func BenchmarkPages(b *testing.B) {
	v, err := views.New(templates.Files, templates.Funcs(func(name string) (string, error) { return "/static/" + name, nil }), false)
	if err != nil {
		b.Fatal(err)
	}
	pages := &Pages{Products: services.NewProducts(full{}), Categories: services.NewCategories(dozen{})}
	app := fiber.New(fiber.Config{Views: v})
	app.Get("/", pages.Catalogue)
	app.Get("/products/:id", pages.Product)
	handle := app.Handler()
	one := func(b *testing.B, request *fasthttp.RequestCtx, path string) {
		request.Request.SetRequestURI(path)
		request.Response.Reset()
		handle(request)
		if request.Response.StatusCode() != fasthttp.StatusOK {
			b.Errorf("%d: %s", request.Response.StatusCode(), request.Response.Body())
		}
	}
	for name, path := range map[string]string{"catalogue": "/", "product": "/products/1"} {
		b.Run(name+"/one at a time", func(b *testing.B) {
			b.ReportAllocs()
			var request fasthttp.RequestCtx
			for b.Loop() {
				one(b, &request, path)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "s")
		})
		b.Run(name+"/in parallel", func(b *testing.B) {
			b.ReportAllocs()
			var pages atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				var request fasthttp.RequestCtx
				for pb.Next() {
					one(b, &request, path)
					pages.Add(1)
				}
			})
			b.ReportMetric(float64(pages.Load())/b.Elapsed().Seconds(), "s")
		})
	}
}
