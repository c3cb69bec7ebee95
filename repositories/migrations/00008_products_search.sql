-- +goose Up
-- For the search by name: repositories/product_lists.go has the same expression. No lexeme may hold
-- punctuation: PostgreSQL would make one of "E27/E14", which a search for E14 does not find.
-- The build takes about a second for 200,000 products, which nobody can change meanwhile. For far
-- more use CREATE INDEX CONCURRENTLY, in a file with NO TRANSACTION. Without fastupdate no search has
-- to read a list of rows that wait to be indexed.
CREATE INDEX products_name_idx ON products USING gin (to_tsvector('simple', translate(name, '-+./~<&', '       ')))
    WITH (fastupdate = off) WHERE active;

-- +goose Down
DROP INDEX products_name_idx;
