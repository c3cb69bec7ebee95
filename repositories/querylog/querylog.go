// Package querylog is the one hook through which all SQL passes: a
// driver.Connector over lib/pq that reports every statement to an Observer,
// prepares each text once per connection, and never waits for the network
// longer than the caller's context allows.
//
//	connector, err := querylog.NewConnector(querylog.Options{DSN: dsn, Prepared: true, Observe: observe})
//	db := sqlx.NewDb(sql.OpenDB(connector), "postgres")
//
// Stores call db.SelectContext(ctx, &products, listProducts, limit) as usual. They know
// nothing of this package, and need no db.Prepare: it sends nothing, and its statement is
// run as its text would be. COPY is not supported.
package querylog

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"
	"time"

	"github.com/lib/pq"
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

	// Comments adds the traceparent and the route of the statement's context to its text, as
	// sqlcommenter has it, for the server's log and for tools that read it. No two texts are the
	// same then, so nothing is prepared, as if Prepared were false.
	Comments bool

	// Observe is called for each statement; nil observes nothing.
	Observe Observer
}

type connector struct {
	Options
	config  pq.Config
	timeout time.Duration // for connecting, per host
}

// NewConnector checks the options; it does not connect yet. Its errors never
// quote the DSN, which holds a password.
func NewConnector(o Options) (driver.Connector, error) {
	config, err := pq.NewConfig(o.DSN)
	if err != nil { // which may quote a piece of the password
		return nil, errAddress
	}
	timeout := config.ConnectTimeout
	if timeout <= 0 {
		timeout = serverTimeout
	}
	config.ConnectTimeout = 0 // the dialer applies it; pq would apply it to cancel requests too
	o.Prepared = o.Prepared && !o.Comments
	config.BinaryParameters = !o.Prepared

	runtime := map[string]string{"timezone": "UTC"} // of times that come back
	for name, value := range config.Runtime {
		if !strings.EqualFold(name, "timezone") {
			runtime[name] = value
		}
	}
	config.Runtime = runtime
	return &connector{o, config, timeout}, nil
}

// lib/pq reads the environment's variables too.
var errAddress = errors.New("must be like postgres://user:password@host:5432/name?sslmode=verify-full, " +
	"and variables of the environment such as PGSSLMODE must be as lib/pq takes them")

// Connect opens a connection within ctx and the connect timeout.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	pqConnector, err := pq.NewConnectorConfig(c.config)
	if err != nil {
		return nil, err
	}
	d := &dialer{timeout: c.timeout}
	pqConnector.Dialer(d)
	opened, err := pqConnector.Connect(ctx)
	if err == nil {
		if err = d.connected(ctx); err != nil {
			_ = opened.Close()
		}
	}
	if err != nil {
		return nil, withContextError(ctx.Err(), err)
	}

	// The assertion holds for the lib/pq in go.mod. All tests fail should another version
	// drop an interface.
	conn := &conn{pqConn: opened.(pqConn), dialer: d, observe: c.Observe, comments: c.Comments}
	if c.Prepared {
		conn.statements = make(map[string]pqStmt)
	}
	return conn, nil
}

// Driver returns lib/pq's driver.
func (c *connector) Driver() driver.Driver { return pq.Driver{} }
