-- +goose Up
CREATE TABLE categories (
    id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CONSTRAINT categories_name_key UNIQUE
);

CREATE TABLE products (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL,
    description text NOT NULL DEFAULT '',
    price_cents bigint NOT NULL CHECK (price_cents >= 0),
    category_id bigint NOT NULL CONSTRAINT products_category_id_fkey REFERENCES categories (id),
    active      boolean NOT NULL DEFAULT true,
    row_version bigint NOT NULL DEFAULT 1, -- one higher with every update; the ETag's first part
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
-- The two keyset orders of the public list. The first also serves the count.
CREATE INDEX products_newest_idx ON products (created_at DESC, id DESC) WHERE active;
CREATE INDEX products_category_newest_idx ON products (category_id, created_at DESC, id DESC) WHERE active;
-- For pruning: the deleted products alone. An index on updated_at would have to
-- be written at each change of any product.
CREATE INDEX products_deleted_idx ON products (id) WHERE NOT active;

-- Stock has a table of its own, since it changes far more often than the product, and
-- is written in batches. The version orders the writes of one product: a lower one is ignored.
CREATE TABLE stock (
    product_id bigint PRIMARY KEY REFERENCES products (id) ON DELETE CASCADE,
    quantity   bigint NOT NULL CHECK (quantity >= 0),
    version    bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70); -- room for updates in place

CREATE TABLE reviews (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id bigint NOT NULL CONSTRAINT reviews_product_id_fkey REFERENCES products (id) ON DELETE CASCADE,
    user_id    bigint NOT NULL CONSTRAINT reviews_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
    rating     smallint NOT NULL CHECK (rating BETWEEN 1 AND 5),
    body       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT reviews_one_per_user_key UNIQUE (product_id, user_id)
);
-- The newest reviews of a product, and its rating, without touching the table.
CREATE INDEX reviews_newest_idx ON reviews (product_id, created_at DESC, id DESC) INCLUDE (rating);
CREATE INDEX reviews_user_idx ON reviews (user_id);

-- +goose Down
DROP TABLE reviews, stock, products, categories;
