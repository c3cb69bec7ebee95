package querylog

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/lib/pq"

	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// explainName is the name of the statements that Explain sends.
const explainName = "-- name: querylog.explain\n"

// Explain returns PostgreSQL's plan of a statement, whose text has parameters, for any values
// of them: what EXPLAIN says of the generic plan. The statement is not run: EXPLAIN only plans
// it, in a transaction that is read-only and rolled back. An error with the code Invalid says
// that there is no plan, and is safe to show. It needs PostgreSQL 12, and works behind PgBouncer.
func Explain(ctx context.Context, db *sql.DB, text string) (plan string, err error) {
	_, body := leadingName(text)
	body = strings.TrimRight(body, "; \t\r\n")
	if !slices.Contains([]string{"select", "insert", "update", "delete", "with"}, verb(body)) {
		return "", noPlan("Only SELECT, INSERT, UPDATE, DELETE and WITH have a plan.", nil)
	}
	if strings.Contains(body, ";") { // what follows it would be run
		return "", noPlan("A text with a semicolon inside is not planned.", nil)
	}
	if strings.HasSuffix(text, ellipsis) {
		return "", noPlan("The text is too long to be kept, so it has no plan here.", nil)
	}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return "", fmt.Errorf("begin to explain a statement: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // there is nothing to commit
	// A prepared statement belongs to the session, and outlives the transaction.
	name := "explain_" + tracing.NewID()
	_, err = tx.ExecContext(ctx, explainName+
		"SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL statement_timeout = '2s'; SAVEPOINT unprepared")
	if err == nil {
		_, err = tx.ExecContext(ctx, explainName+"PREPARE "+name+" AS "+body)
	}
	if err != nil {
		return "", explainError(err)
	}
	plan, err = explainPrepared(ctx, tx, name)
	// An error would end the transaction for DEALLOCATE too.
	_, deallocateErr := tx.ExecContext(ctx, explainName+"ROLLBACK TO SAVEPOINT unprepared; DEALLOCATE "+name)
	if err == nil {
		err = deallocateErr
	}
	return plan, explainError(err)
}

func explainPrepared(ctx context.Context, tx *sql.Tx, name string) (plan string, err error) {
	var parameters int
	err = tx.QueryRowContext(ctx, explainName+
		"SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = $1", name).Scan(&parameters)
	if err != nil {
		return "", err
	}
	values := ""
	if parameters > 0 { // the generic plan does not use them
		values = " (" + strings.Repeat("NULL, ", parameters-1) + "NULL)"
	}
	rows, err := tx.QueryContext(ctx, explainName+"EXPLAIN EXECUTE "+name+values)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return "", err
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n"), rows.Err()
}

func explainError(err error) error {
	if pgErr := pq.As(err); pgErr != nil { // of a text without values
		return noPlan("PostgreSQL does not plan it: "+pgErr.Message+".", err)
	}
	if err != nil {
		return fmt.Errorf("explain a statement: %w", err)
	}
	return nil
}

func noPlan(message string, cause error) error {
	told := &problem.Error{Code: problem.Invalid, Message: message}
	if cause == nil {
		return told
	}
	return fmt.Errorf("explain a statement: %w: %w", told, cause)
}
