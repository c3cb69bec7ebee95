-- +goose Up
-- Invalidations of processes that cannot reach Redis, for all other processes: see docs/caching.md.
CREATE TABLE cache_invalidations (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tags       text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL -- the write has ended by then
);
CREATE INDEX cache_invalidations_created_idx ON cache_invalidations (created_at);

-- +goose Down
DROP TABLE cache_invalidations;
