-- +goose Up
-- A session, or a token, is good for the version that it was made with. Raising it ends all of a user's.
ALTER TABLE users ADD COLUMN credentials_version bigint NOT NULL DEFAULT 1;

-- +goose Down
ALTER TABLE users DROP COLUMN credentials_version;
