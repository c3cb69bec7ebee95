package outbox

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"example.com/prefab/repositories/postgres"
)

// The claim of an item makes it due again: a process that is killed needs no other to
// notice it.
const claimItem = `-- name: outbox.claim
UPDATE outbox SET attempts = attempts + 1,
    due_at = clock_timestamp() + make_interval(secs => least($1 * 2 ^ least(attempts, 20), $2))
WHERE id = (
    SELECT id FROM outbox WHERE NOT given_up AND due_at <= clock_timestamp()
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, kind, payload, attempts`

func (b *Outbox) claim(ctx context.Context) (item Item, ok bool, err error) {
	err = b.o.DB.GetContext(ctx, &item, claimItem, firstRetry.Seconds(), lastRetry.Seconds())
	if errors.Is(err, sql.ErrNoRows) {
		return item, false, nil
	}
	return item, err == nil, postgres.WrapError("claim an item of the outbox", err)
}

const (
	deleteItem = `-- name: outbox.delete
DELETE FROM outbox WHERE id = $1`

	failItem = `-- name: outbox.fail
UPDATE outbox SET error = $2, given_up = $3 WHERE id = $1`

	pruneGivenUp = `-- name: outbox.prune
DELETE FROM outbox WHERE given_up AND id <= (
    SELECT id FROM outbox WHERE given_up ORDER BY id DESC OFFSET $1 LIMIT 1)`
)

const settleTimeout = 5 * time.Second

// settle records what became of an item, even if ctx ended during the attempt.
func (b *Outbox) settle(ctx context.Context, item Item, failure error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if failure == nil {
		_, err := b.o.DB.ExecContext(ctx, deleteItem, item.ID)
		return postgres.WrapError("remove an item from the outbox", err)
	}
	givenUp := item.Attempts >= maxAttempts || isPermanent(failure)
	if _, err := b.o.DB.ExecContext(ctx, failItem, item.ID, textOf(failure), givenUp); err != nil {
		return postgres.WrapError("record a failure in the outbox", err)
	}
	if !givenUp {
		b.o.Log.WarnContext(ctx, "an item of the outbox failed and will be tried again: see its error in the table",
			"id", item.ID, "kind", item.Kind, "attempts", item.Attempts)
		return nil
	}
	b.o.Log.ErrorContext(ctx, "an item of the outbox is given up: see its error in the table",
		"id", item.ID, "kind", item.Kind, "attempts", item.Attempts)
	_, err := b.o.DB.ExecContext(ctx, pruneGivenUp, maxGivenUp)
	return postgres.WrapError("prune the outbox", err)
}

// textOf is an error as PostgreSQL can store it.
func textOf(err error) string {
	text := strings.ToValidUTF8(strings.ReplaceAll(err.Error(), "\x00", ""), "")
	if len(text) > 1000 {
		text = strings.ToValidUTF8(text[:1000], "")
	}
	return text
}
