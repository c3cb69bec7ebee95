-- +goose Up
-- Links that were mailed: see services/account_links.go.
CREATE TABLE account_links (
    token_hash          bytea PRIMARY KEY, -- SHA-256 of the token
    purpose             text NOT NULL CHECK (purpose IN ('sign-up', 'reset', 'email')),
    user_id             bigint CONSTRAINT account_links_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    credentials_version bigint NOT NULL DEFAULT 0,
    email               text NOT NULL,
    name                text NOT NULL DEFAULT '',
    expires_at          timestamptz NOT NULL,
    CHECK ((user_id IS NULL) = (purpose = 'sign-up'))
);
CREATE INDEX account_links_user_idx ON account_links (user_id);
CREATE INDEX account_links_expires_idx ON account_links (expires_at);

-- +goose Down
DROP TABLE account_links;
