package querylog

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
)

// planOf plans the query in a transaction that cannot write.
func planOf(ctx context.Context, db *sql.DB, query string) (plan string, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return "", err
	}
	plan, err = genericPlan(ctx, tx, query)
	if rolled := tx.Rollback(); err != nil || rolled != nil {
		// The statement may still be prepared, which no rollback undoes.
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		return "", errors.Join(err, rolled)
	}
	return plan, nil
}

// genericPlan has PostgreSQL prepare the text and tell the plan that it keeps for
// all arguments, so that none are needed. None of the statements has arguments of
// its own, or this package would prepare it too, for ever.
func genericPlan(ctx context.Context, tx *sql.Tx, query string) (string, error) {
	const (
		// A lock that is not to be had at once must not hold this connection.
		settings = "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL lock_timeout = '200ms'"
		count    = "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = '%s'"
	)
	name := "prefab_" + strings.ToLower(rand.Text()) // unique, should a pooler keep one that was not freed
	run := func(query string) error {
		_, err := tx.ExecContext(ctx, query)
		return err
	}
	if err := run(settings); err != nil {
		return "", err
	}
	if err := run("PREPARE " + name + " AS\n" + query); err != nil {
		return "", err
	}
	var parameters int
	if err := tx.QueryRowContext(ctx, fmt.Sprintf(count, name)).Scan(&parameters); err != nil {
		return "", err
	}
	execute := "EXECUTE " + name
	if parameters > 0 {
		execute += "(NULL" + strings.Repeat(", NULL", parameters-1) + ")"
	}
	plan, err := lines(ctx, tx, "EXPLAIN (FORMAT TEXT) "+execute)
	if err != nil {
		return "", err
	}
	return plan, run("DEALLOCATE " + name)
}

// lines joins the rows of a query that gives one text each.
func lines(ctx context.Context, tx *sql.Tx, query string) (string, error) {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return "", err
		}
		all = append(all, line)
	}
	return strings.Join(all, "\n"), rows.Err()
}
