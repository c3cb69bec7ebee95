// Package repositories holds the stores: SQL on PostgreSQL, counters in Redis.
package repositories

import (
	"database/sql"
	"fmt"
	"time"
	"unicode"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories/querylog"
)

// DatabaseOptions say how to reach PostgreSQL.
type DatabaseOptions struct {
	URL      string
	MaxConns int  // of this process
	Prepared bool // prepare each statement once per connection
	Observe  querylog.Observer
}

// CheckDatabaseURL reports whether OpenDatabase takes the URL; its error never quotes it.
// PostgreSQL's environment variables count too, for what the URL leaves out.
func CheckDatabaseURL(url string) error {
	_, err := querylog.NewConnector(querylog.Options{DSN: url})
	return err
}

// OpenDatabase returns a bounded pool of connections. Nothing is dialled yet.
// Columns are scanned into the fields of their name: price_cents into PriceCents,
// "category.id" into Category.ID.
func OpenDatabase(o DatabaseOptions) (*sqlx.DB, error) {
	connector, err := querylog.NewConnector(querylog.Options{DSN: o.URL, Prepared: o.Prepared, Observe: o.Observe})
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(o.MaxConns)
	pool.SetMaxIdleConns(o.MaxConns) // else a burst opens and closes connections all the time
	pool.SetConnMaxIdleTime(5 * time.Minute)
	pool.SetConnMaxLifetime(30 * time.Minute) // so that a failed-over address is noticed
	db := sqlx.NewDb(pool, "postgres")
	db.MapperFunc(snakeCase)
	return db, nil
}

// snakeCase turns a Go name into a column's: CategoryID into category_id.
func snakeCase(name string) string {
	runes := []rune(name)
	snake := make([]rune, 0, len(runes)+4)
	for i, c := range runes {
		startsWord := i > 0 && unicode.IsUpper(c) &&
			(unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]))
		if startsWord {
			snake = append(snake, '_')
		}
		snake = append(snake, unicode.ToLower(c))
	}
	return string(snake)
}
