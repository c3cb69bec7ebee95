package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories"
	"example.com/prefab/repositories/seed"
	"example.com/prefab/services"
)

// sampleProducts is how many an embedded database begins with.
const sampleProducts = 1000

// The passwords are public, so production refuses to start beside these users.
var sampleUsers = []struct {
	user     services.User
	password string
}{
	{
		services.User{Email: "admin@prefab.example", Name: "Ada Admin", Role: services.Admin},
		"sample-admin-password",
	},
	{
		services.User{Email: "member@prefab.example", Name: "Max Member", Role: services.Member},
		"sample-member-password",
	},
}

// fillSample adds the sample users and, to an empty catalogue, the sample products.
func fillSample(ctx context.Context, db *sqlx.DB, cfg Config, log *slog.Logger) error {
	if err := addSampleUsers(ctx, db, cfg); err != nil {
		return err
	}
	err := seed.Catalogue(ctx, db, seed.Options{Products: sampleProducts})
	if errors.Is(err, seed.ErrNotEmpty) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("fill the sample catalogue: %w", err)
	}
	log.Info("filled the sample catalogue", "products", sampleProducts)
	return nil
}

func addSampleUsers(ctx context.Context, db *sqlx.DB, cfg Config) error {
	store := repositories.NewUsers(db)
	users := services.NewUsers(store, nil, services.NewPasswords(cfg.PasswordConcurrency))
	for _, sample := range sampleUsers {
		_, err := store.ByEmail(ctx, sample.user.Email)
		if errors.Is(err, services.ErrNoUser) {
			_, err = users.Add(ctx, sample.user, sample.password)
		}
		if err != nil && !errors.Is(err, services.ErrEmailTaken) { // another start was quicker
			return fmt.Errorf("add the sample user %s: %w", sample.user.Email, err)
		}
	}
	return nil
}

func refuseSampleUsers(ctx context.Context, db *sqlx.DB) error {
	store := repositories.NewUsers(db)
	var problems []error
	for _, sample := range sampleUsers {
		_, err := store.ByEmail(ctx, sample.user.Email)
		if err == nil {
			err = fmt.Errorf("the sample user %s, whose password is public, must not be in production's database",
				sample.user.Email)
		} else if errors.Is(err, services.ErrNoUser) {
			continue
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}
