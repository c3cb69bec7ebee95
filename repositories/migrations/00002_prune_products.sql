-- +goose Up
-- What pruning looks through: the deleted products alone. Not by updated_at, which
-- an index would make every edit of any product write to all indexes.
CREATE INDEX products_deleted_idx ON products (id) WHERE NOT active;

-- +goose Down
DROP INDEX products_deleted_idx;
