package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services/deadletter"
)

// Name is the outbox's name among other queues.
func (b *Outbox) Name() string { return "outbox" }

// The last claim of an item made it due again after its pause.
const listGivenUp = `-- name: outbox.list_given_up
SELECT id, kind, attempts, due_at - make_interval(secs => least($1 * 2 ^ least(attempts - 1, 20), $2)) AS tried_at
FROM outbox WHERE given_up ORDER BY id DESC LIMIT $3`

// DeadLetters returns the newest items that were given up, at most limit. They say neither
// what an item holds nor its error, which may quote an address.
func (b *Outbox) DeadLetters(ctx context.Context, limit int) ([]deadletter.Letter, error) {
	var rows []struct {
		Item
		TriedAt time.Time
	}
	err := b.o.DB.SelectContext(ctx, &rows, listGivenUp, firstRetry.Seconds(), lastRetry.Seconds(), limit)
	if err != nil {
		return nil, postgres.WrapError("list what the outbox has given up", err)
	}
	letters := make([]deadletter.Letter, len(rows))
	for i, row := range rows {
		letters[i] = deadletter.Letter{
			Key:   strconv.FormatInt(row.ID, 10),
			About: fmt.Sprintf("%s, attempts: %d", row.Kind, row.Attempts),
			Error: fmt.Sprintf("see the column error of the table outbox, id %d", row.ID),
			At:    row.TriedAt,
		}
	}
	return letters, nil
}

const (
	retryGivenUp = `-- name: outbox.retry
UPDATE outbox SET given_up = false, attempts = 0, due_at = clock_timestamp() WHERE id = $1 AND given_up
RETURNING kind`

	discardGivenUp = `-- name: outbox.discard
DELETE FROM outbox WHERE id = $1 AND given_up
RETURNING kind`
)

// RetryDeadLetter makes an item that was given up due at once, with new attempts.
func (b *Outbox) RetryDeadLetter(ctx context.Context, key string) error {
	_, err := b.changeGivenUp(ctx, retryGivenUp, key)
	if err == nil {
		b.request()
	}
	return err
}

// DiscardDeadLetter deletes an item that was given up, and logs that.
func (b *Outbox) DiscardDeadLetter(ctx context.Context, key string) error {
	kind, err := b.changeGivenUp(ctx, discardGivenUp, key)
	if err == nil {
		b.o.Log.WarnContext(ctx, "an item of the outbox is discarded", "id", key, "kind", kind)
	}
	return err
}

func (b *Outbox) changeGivenUp(ctx context.Context, statement, key string) (kind string, err error) {
	id, err := strconv.ParseInt(key, 10, 64)
	if err != nil {
		return "", deadletter.ErrNone
	}
	err = b.o.DB.GetContext(ctx, &kind, statement, id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", deadletter.ErrNone
	}
	return kind, postgres.WrapError("change what the outbox has given up", err)
}
