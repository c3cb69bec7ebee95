package seed

import (
	"context"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

const (
	// An empty password hash matches no password: nobody signs in as a reviewer.
	insertReviewers = `-- name: seed.insert_reviewers
INSERT INTO users (id, email, name, role, password_hash, created_at)
OVERRIDING SYSTEM VALUE
SELECT (SELECT coalesce(max(id), 0) FROM users) + n, email, name, 'member', '', $3
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS reviewer (email, name, n)
ON CONFLICT (lower(email)) DO NOTHING`

	// Of those who were there already, too.
	reviewerIDs = `-- name: seed.reviewer_ids
SELECT u.id FROM unnest($1::text[]) WITH ORDINALITY AS reviewer (email, n)
JOIN users u ON lower(u.email) = reviewer.email ORDER BY n`
)

// createReviewers returns the ids of the reviewers, in the order of their names.
func createReviewers(ctx context.Context, tx *sqlx.Tx) ([]int64, error) {
	var names, emails []string
	for i, first := range firstNames {
		name := first + " " + lastNames[i%len(lastNames)]
		names = append(names, name)
		emails = append(emails, strings.ToLower(strings.ReplaceAll(name, " ", "."))+"@reviewers.example")
	}
	if _, err := tx.ExecContext(ctx, insertReviewers, pq.Array(emails), pq.Array(names), opened); err != nil {
		return nil, fmt.Errorf("create reviewers: %w", err)
	}
	var ids []int64
	if err := tx.SelectContext(ctx, &ids, reviewerIDs, pq.Array(emails)); err != nil {
		return nil, fmt.Errorf("read reviewers: %w", err)
	}
	return ids, nil
}

// First names do not repeat, so the addresses differ.
var firstNames = strings.Fields(`
	Ada Amara Anders Anika Asha Beatriz Bram Callum Carmen Chidi
	Clara Dara Dmitri Edith Elena Emeka Farah Felix Freya Gareth
	Greta Hana Hugo Imani Ingrid Isaac Jamal Jana Jonas Kai
	Keiko Lars Leila Lucia Magnus Malik Marta Mei Milo Nadia
	Nils Noor Olga Oscar Paloma Petra Priya Rafael Rosa Rui
	Samir Sanna Silvia Tariq Tess Tomas Uma Viktor Wanda Yusuf`)

var lastNames = strings.Fields(`
	Adeyemi Bergman Castellano Dahl Eriksen Fontaine Grant Haddad Ivanova Jensen
	Kowalski Lindqvist Marsh Nakamura Okafor Petrov Quinn Rossi Sato Thorpe
	Ueda Varga Whitlock Yilmaz Zeller Bianchi Costa Durand Ferrari`)
