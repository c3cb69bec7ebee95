package repositories

import (
	"context"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services"
)

// Categories keeps categories in PostgreSQL.
type Categories struct{ db *sqlx.DB }

// NewCategories returns the categories in db.
func NewCategories(db *sqlx.DB) *Categories { return &Categories{db: db} }

const listCategories = `-- name: categories.list
SELECT id, name FROM categories ORDER BY name LIMIT $1`

// List is part of services.CategoryStore.
func (s *Categories) List(ctx context.Context, limit int) ([]services.Category, error) {
	categories := []services.Category{}
	err := postgres.From(ctx, s.db).SelectContext(ctx, &categories, listCategories, limit)
	return categories, postgres.WrapError("list categories", err)
}
