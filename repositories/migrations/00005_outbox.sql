-- +goose Up
-- Work that requests leave for a job, such as mails to send: see repositories/outbox.
CREATE TABLE outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL,
    payload    jsonb NOT NULL,
    attempts   integer NOT NULL DEFAULT 0,
    due_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    given_up   boolean NOT NULL DEFAULT false,
    error      text NOT NULL DEFAULT '' -- of the last attempt
);
CREATE INDEX outbox_due_idx ON outbox (due_at) WHERE NOT given_up;
CREATE INDEX outbox_given_up_idx ON outbox (id) WHERE given_up;

-- +goose Down
DROP TABLE outbox;
