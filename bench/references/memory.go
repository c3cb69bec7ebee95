package references

import (
	"encoding/json"

	"github.com/gofiber/fiber/v2"
	"github.com/jmoiron/sqlx"
)

// HotProducts is how many products the map has: the newest.
const HotProducts = 1000

// inMemory gives finished answers from a map: nothing that serves JSON by Fiber
// does less.
func inMemory(app *fiber.App, db *sqlx.DB) error {
	catalogue, err := newCatalogue(db)
	if err != nil {
		return err
	}
	hot, err := catalogue.newest("", HotProducts)
	if err != nil {
		return err
	}
	products := make(map[int][]byte, len(hot.Items))
	for _, item := range hot.Items {
		p, err := catalogue.get(int(item.ID))
		if err != nil {
			return err
		}
		if products[int(item.ID)], err = json.Marshal(p); err != nil {
			return err
		}
	}
	first, err := catalogue.newest("", 50)
	if err != nil {
		return err
	}
	list, err := json.Marshal(first)
	if err != nil {
		return err
	}
	app.Get("/api/v1/products", func(c *fiber.Ctx) error { return sendJSON(c, list) })
	app.Get("/api/v1/products/:id", func(c *fiber.Ctx) error {
		id, err := c.ParamsInt("id")
		if err != nil || products[id] == nil {
			return fiber.ErrNotFound
		}
		return sendJSON(c, products[id])
	})
	return nil
}

func sendJSON(c *fiber.Ctx, body []byte) error {
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(body)
}
