// Package querylog is the one hook through which all SQL passes: a
// driver.Connector over lib/pq that reports every statement to an Observer,
// prepares each text once per connection, and never waits for the network
// longer than the caller's context allows.
//
//	connector, err := querylog.NewConnector(querylog.Options{DSN: dsn, Prepared: true, Observe: observe})
//	db := sqlx.NewDb(sql.OpenDB(connector), "postgres")
//
// Stores call db.SelectContext(ctx, &products, listProducts, limit) as usual. They need
// no *sql.Stmt, and know nothing of this package. COPY is not supported.
package querylog

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lib/pq"
)

const (
	defaultCacheSize      = 256
	defaultConnectTimeout = 5 * time.Second
)

// Options says how NewConnector connects and what it does with statements.
type Options struct {
	// DSN is a postgres:// URL or a key=value string. Without a positive
	// connect_timeout in it, connecting takes at most 5 seconds per host.
	DSN string

	// Prepared keeps a prepared statement per text and connection. Switch it off
	// behind a pooler that hands a connection to another client between
	// transactions, such as PgBouncer before 1.21: a statement with arguments
	// then takes one round trip, unnamed (lib/pq's binary_parameters). In that
	// mode []byte travels as bytea, so pass JSON for a jsonb column as a string.
	Prepared bool

	// CacheSize is the number of prepared statements that one connection keeps.
	// Zero means 256.
	CacheSize int

	// Observe is called for each statement; nil observes nothing.
	Observe Observer
}

// Connector opens observed connections; pass it to sql.OpenDB.
type Connector struct {
	config    pq.Config
	timeout   time.Duration
	cacheSize int // 0: nothing is prepared
	observe   Observer
}

// NewConnector checks the options; it does not connect yet. Its errors never
// quote the DSN, which holds a password.
func NewConnector(o Options) (*Connector, error) {
	config, err := pq.NewConfig(o.DSN)
	if err != nil {
		return nil, addressError()
	}
	useUTC(&config)
	c := &Connector{config: config, timeout: config.ConnectTimeout, observe: o.Observe}
	if c.timeout <= 0 {
		c.timeout = defaultConnectTimeout
	}
	c.config.ConnectTimeout = 0 // the dialer applies it; pq would apply it to cancel requests too
	if !o.Prepared {
		c.config.BinaryParameters = true
		return c, nil
	}
	c.cacheSize = o.CacheSize
	if c.cacheSize <= 0 {
		c.cacheSize = defaultCacheSize
	}
	return c, nil
}

// addressError says why lib/pq refuses an address. The parser's own error may quote a
// piece of the password. So it is shown only where the environment alone is wrong.
func addressError() error {
	var set []string
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "PG") {
			set = append(set, name)
		}
	}
	slices.Sort(set)
	_, err := pq.NewConfig("")
	switch {
	case err != nil && len(set) > 0:
		return fmt.Errorf("lib/pq does not take what the environment has in %s: %w", strings.Join(set, ", "), err)
	case err != nil:
		return err
	}
	err = errors.New("must be like postgres://user:password@host:5432/name?sslmode=verify-full")
	if len(set) > 0 {
		err = fmt.Errorf("%w, and go together with what the environment has in %s", err, strings.Join(set, ", "))
	}
	return err
}

// useUTC makes times come back in UTC, whatever the server's own zone is.
func useUTC(config *pq.Config) {
	runtime := map[string]string{"timezone": "UTC"}
	for name, value := range config.Runtime {
		runtime[strings.ToLower(name)] = value
	}
	config.Runtime = runtime
}

// Connect opens a connection within ctx and the connect timeout.
func (c *Connector) Connect(ctx context.Context) (driver.Conn, error) {
	connector, err := pq.NewConnectorConfig(c.config)
	if err != nil {
		return nil, err
	}
	d := &dialer{timeout: c.timeout}
	connector.Dialer(d)

	release := d.bound(ctx)
	opened, err := connector.Connect(ctx)
	if alive := release(); err == nil && !alive {
		_ = opened.Close()
		err = ctx.Err()
	}
	if err != nil {
		return nil, withContextError(ctx.Err(), err)
	}
	if err := d.connected(); err != nil {
		_ = opened.Close()
		return nil, fmt.Errorf("clear connect deadline: %w", err)
	}

	// The assertion holds for the lib/pq in go.mod. A test fails first should another
	// version drop an interface.
	conn := &conn{pqConn: opened.(pqConn), dialer: d, observe: c.observe}
	if c.cacheSize > 0 {
		conn.statements = newStatements(c.cacheSize)
	}
	return conn, nil
}

// Driver returns lib/pq's driver.
func (c *Connector) Driver() driver.Driver { return pq.Driver{} }
