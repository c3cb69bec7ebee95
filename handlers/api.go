package handlers

import (
	"example.com/prefab/handlers/docs"
	"example.com/prefab/handlers/openapi"
	"example.com/prefab/handlers/ops"
	"example.com/prefab/handlers/rest"
)

// API describes every route, for /openapi.json. Each file of handlers describes its own.
func API(cookie string, format rest.ErrorFormat) openapi.Document {
	return openapi.Document{
		Title: "Prefab", Cookie: cookie, Errors: format, Tokens: true,
		PageParams: []openapi.Param{{
			Name: "done", Type: "", Example: "mail", Description: "What a form has just done, which the page tells.",
		}},
		// region sample
		Summary: "A catalogue of products with stock and reviews.",
		// endregion
		// without sample: Summary: "A service made with Prefab.",
		Groups: []openapi.Group{
			// region sample
			productsAPI(),
			stockAPI(),
			reviewsAPI(),
			cataloguePagesAPI(),
			// endregion
			sessionAPI(),
			accountsAPI(),
			tokensAPI(),
			pagesAPI(),
			accountPagesAPI(),
			tokenPagesAPI(),
			ops.API(),
			docs.API(),
		},
	}
}
