// Package repositories holds the stores: SQL beside its scan, and their cache decorators.
package repositories

import (
	"embed"
	"io/fs"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the numbered SQL files of the database's schema, for package migrate.
var Migrations, _ = fs.Sub(migrations, "migrations") // fails only for a malformed name
