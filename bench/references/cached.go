package references

import (
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/cache"
	fiberredis "github.com/gofiber/storage/redis/v3"
	"github.com/jmoiron/sqlx"
	"github.com/redis/go-redis/v9"
)

func cached(app *fiber.App, db *sqlx.DB, client *redis.Client) error {
	app.Use(cache.New(cache.Config{Expiration: time.Hour, Storage: fiberredis.NewFromConnection(client)}))
	return bare(app, db)
}
