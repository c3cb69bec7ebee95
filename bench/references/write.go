package references

import (
	"github.com/gofiber/fiber/v2"
	"github.com/jmoiron/sqlx"
)

const stockRoute = "/api/v1/products/:id/stock"

func write(app *fiber.App, db *sqlx.DB) error {
	update, err := newStockUpdate(db)
	app.Put(stockRoute, update)
	return err
}

func newStockUpdate(db *sqlx.DB) (fiber.Handler, error) {
	update, err := db.Preparex(`UPDATE stock SET quantity = $2, version = version + 1 WHERE product_id = $1`)
	return func(c *fiber.Ctx) error {
		id, err := c.ParamsInt("id")
		if err != nil {
			return fiber.ErrNotFound
		}
		var body struct {
			Quantity int64 `json:"quantity"`
		}
		if err := c.BodyParser(&body); err != nil {
			return err
		}
		result, err := update.ExecContext(c.UserContext(), id, body.Quantity)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return fiber.ErrNotFound
		}
		return c.Status(fiber.StatusAccepted).JSON(body)
	}, err
}
