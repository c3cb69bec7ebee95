package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/writes"
)

func TestInTx_CommitsOrRollsBack(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		mustExec(t, db, "CREATE TABLE kv (k text CONSTRAINT kv_key PRIMARY KEY, v int NOT NULL)")
		put := func(ctx context.Context, k string, result error) error {
			return postgres.InTx(ctx, db, func(tx *sqlx.Tx) error {
				_, err := tx.ExecContext(ctx, "INSERT INTO kv VALUES ($1, 1)", k)
				return errors.Join(err, result)
			})
		}
		refused, taken := errors.New("refused"), put(t.Context(), "a", nil)
		if err := put(t.Context(), "b", refused); taken != nil || !errors.Is(err, refused) {
			t.Errorf("errors %v and %v, want none and the function's", taken, err)
		}
		if n := get[int](t, db, "SELECT count(*) FROM kv"); n != 1 {
			t.Errorf("%d rows, want the committed one", n)
		}
		err := put(t.Context(), "a", nil)
		if !postgres.Violates(err, postgres.UniqueViolation, "kv_key") || postgres.Violates(err, postgres.UniqueViolation, "other") {
			t.Errorf("a second row of one key: %v", err)
		}
		if err := postgres.WrapError("put", err); !errors.Is(err, writes.ErrInvalid) {
			t.Errorf("it is wrapped as %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := put(ctx, "c", nil); problem.CodeOf(err) != problem.Unavailable {
			t.Errorf("with an ended context: %v", err)
		}
		if postgres.WrapError("put", nil) != nil {
			t.Error("no error is wrapped as one")
		}
	})
}
