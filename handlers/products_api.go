package handlers

import (
	"time"

	"example.com/prefab/handlers/openapi"
	"example.com/prefab/services"
)

func productsAPI() openapi.Group {
	const list, one = "/api/v1/products", "/api/v1/products/{id}"
	category, written := services.Category{ID: 3, Name: "Lighting"}, time.Date(2026, 3, 1, 9, 30, 0, 123456000, time.UTC)
	product := services.Product{
		ID: 42, Name: "Brass desk lamp", Description: "With a dimmer.", PriceCents: 4900, Category: category, Stock: 12,
		Rating: services.Rating{Average: 4.5, Count: 2},
		Reviews: []services.Review{
			{ID: 7, Author: "Ada Admin", Rating: 5, Body: "Lights the whole desk.", CreatedAt: written},
		},
		CreatedAt: written, UpdatedAt: written,
	}
	fields := services.ProductFields{Name: &product.Name, PriceCents: &product.PriceCents, CategoryID: &category.ID}
	summary := services.ProductSummary{ID: 42, Name: product.Name, PriceCents: product.PriceCents, Category: category}
	about := "Products: public to read, written by admins."
	return openapi.Group{Tag: "catalogue", Description: about, Operations: []openapi.Operation{
		{
			ID: "listProducts", Method: "GET", Path: list, Summary: "List products, newest first, or read some by id",
			Description: "Without `ids`: a page of summaries of the active products. With `ids`: the whole products in the " +
				"order asked, each once; those that are absent or inactive are left out. `ids` stands alone.",
			Params: []openapi.Param{
				openapi.Limit(20, services.MaxProductPage), openapi.After(),
				openapi.ID("category", "Only products of this category."), searchParam(),
				openapi.IDs("ids", "The products to read, separated by commas.", services.MaxProductPage),
			},
			Answer: openapi.AnyOf{
				productPage{[]services.ProductSummary{summary}, "AAZMJ3Jk8AAAAAAAAAAAKg"},
				productBatch{[]services.Product{product}},
			},
			Media: map[string]any{"application/vnd.prefab.compact+json": openapi.AnyOf{
				openapi.Renamed{Value: productPage{}, Names: CompactNames},
				openapi.Renamed{Value: productBatch{}, Names: CompactNames},
			}}, Cached: true,
			Says: "A page of summaries, or the products asked for. A client that names " +
				"`application/vnd.prefab.compact+json` in Accept gets large ones with short member names, " +
				"which the Content-Type tells.",
		},
		{
			ID: "createProduct", Method: "POST", Path: list, Summary: "Add a product", Guard: openapi.Admin,
			Body: fields, Answer: services.Product{}, Versioned: true,
		},
		{
			ID: "countProducts", Method: "GET", Path: list + "/count", Summary: "Count the active products",
			Answer: productCount{1000}, Cached: true, Says: "How many there are.",
		},
		{
			ID: "exportProducts", Method: "GET", Path: list + "/export", Guard: openapi.Admin,
			Summary: "All products as a file, inactive ones too, by id",
			Description: "Streamed, and as of one moment. An answer that fails midway ends without its last chunk: take it " +
				"for whole only if the client library reports no error. In csv, text that a spreadsheet would take for a " +
				"formula begins with an apostrophe.",
			Params: []openapi.Param{{
				Name: "format", Description: "The form of the file.", Example: "csv",
				Type: openapi.Schema{"enum": []string{"json", "ndjson", "csv"}, "default": "json"},
			}},
			Answer: struct {
				Items []services.ExportedProduct `json:"items"`
			}{},
			Media: map[string]any{
				"application/x-ndjson": services.ExportedProduct{},
				"text/csv; charset=utf-8": openapi.Schema{"type": "string", "description": "RFC 4180.", "pattern": "^id,name," +
					"description,price_cents,active,category_id,category,stock,created_at,updated_at\\r\\n"},
			},
			Headers: []string{"Cache-Control", "Content-Disposition"}, Says: "All products.",
		},
		{
			ID: "showProduct", Method: "GET", Path: one, Summary: "Read a product",
			Answer: product, Versioned: true, Cached: true,
			Description: "With its category, stock, rating and newest reviews, 20 at most. An inactive product is reported " +
				"as absent.",
		},
		{
			ID: "updateProduct", Method: "PATCH", Path: one, Summary: "Change fields of a product", Guard: openapi.Admin,
			Description: "A JSON merge patch (RFC 7396): fields left out stay as they are. Null removes the description; no " +
				"other field can be removed. A patch that changes nothing leaves the version and `updatedAt` as they are. " +
				"The stock has a route of its own.",
			Body:      services.ProductFields{PriceCents: &product.PriceCents},
			Removable: []string{"description"}, Answer: product, Versioned: true, IfMatch: true,
		},
		{
			ID: "deleteProduct", Method: "DELETE", Path: one, Summary: "Take a product out of the catalogue",
			Description: "It becomes inactive: from then on it is absent everywhere.",
			Guard:       openapi.Admin, IfMatch: true,
		},
	}}
}

func searchParam() openapi.Param {
	return openapi.Param{
		Name: "q", Example: "desk lamp", Type: openapi.Schema{"type": "string", "maxLength": services.MaxSearch},
		Description: "Only products with these words in their name, in any order. The beginning of a word is enough, " +
			"and the first eight words count.",
	}
}
