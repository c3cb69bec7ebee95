// Package references holds the servers that Prefab is measured against. Each does
// one thing, with as little code as a competent author of plain Fiber would write.
package references

import (
	"fmt"
	"os"

	"github.com/gofiber/fiber/v2"
	"github.com/jmoiron/sqlx"
	_ "github.com/lib/pq" // the driver
	"github.com/redis/go-redis/v9"
)

// The names of the references.
const (
	Bare    = "bare"    // prepared sqlx, and nothing cached
	Cache   = "cache"   // Fiber's cache middleware on its Redis storage
	Map     = "map"     // finished answers in a map
	Prefork = "prefork" // the same by Fiber's prefork
	Write   = "write"   // one UPDATE
	Session = "session" // the same behind a check of the session
)

// The environment of a reference's process.
const (
	NameVariable     = "BENCH_REFERENCE"
	AddressVariable  = "BENCH_ADDRESS"
	DatabaseVariable = "BENCH_DATABASE"
	RedisVariable    = "BENCH_REDIS"
)

// Serve serves the reference that the environment names, until the process ends.
func Serve() error {
	name := os.Getenv(NameVariable)
	app := fiber.New(fiber.Config{DisableStartupMessage: true, Prefork: name == Prefork})
	db, err := sqlx.Connect("postgres", os.Getenv(DatabaseVariable))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(20) // as Prefab
	db.SetMaxIdleConns(20)
	options, err := redis.ParseURL(os.Getenv(RedisVariable))
	if err != nil {
		return err
	}
	options.PoolSize = 50 // as Prefab
	client := redis.NewClient(options)

	routes := map[string]func() error{
		Bare:    func() error { return bare(app, db) },
		Cache:   func() error { return cached(app, db, client) },
		Map:     func() error { return inMemory(app, db) },
		Prefork: func() error { return inMemory(app, db) },
		Write:   func() error { return write(app, db) },
		Session: func() error { return writeSignedIn(app, db, client) },
	}
	if routes[name] == nil {
		return fmt.Errorf("there is no reference %q", name)
	}
	if err := routes[name](); err != nil {
		return err
	}
	return app.Listen(os.Getenv(AddressVariable))
}
