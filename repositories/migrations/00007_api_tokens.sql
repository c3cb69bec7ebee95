-- +goose Up
CREATE TABLE api_tokens (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id             bigint NOT NULL CONSTRAINT api_tokens_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    name                text NOT NULL,
    scope               text NOT NULL CHECK (scope IN ('read', 'write', 'admin')),
    hash                text NOT NULL CONSTRAINT api_tokens_hash_key UNIQUE, -- SHA-256; the token itself is not stored
    credentials_version bigint NOT NULL, -- the user's when it was made
    created_at          timestamptz NOT NULL DEFAULT now(),
    expires_at          timestamptz NOT NULL,
    last_used_at        timestamptz
);
CREATE INDEX api_tokens_user_idx ON api_tokens (user_id, id DESC);

-- +goose Down
DROP TABLE api_tokens;
