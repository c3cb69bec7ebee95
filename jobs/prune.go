package jobs

import (
	"context"
	"log/slog"
	"time"

	"example.com/prefab/jobs/runner"
	"example.com/prefab/services"
)

// PruneProducts removes, every hour, the rows of products that were deleted longer than
// age ago.
func PruneProducts(products *services.Products, age time.Duration, log *slog.Logger) runner.Job {
	return runner.Job{
		Name: "prune-products", Every: time.Hour, Timeout: 10 * time.Minute, Shared: true,
		Run: func(ctx context.Context) error {
			removed, err := products.Prune(ctx, time.Now().Add(-age))
			if removed > 0 {
				log.InfoContext(ctx, "removed the rows of deleted products", "products", removed)
			}
			return err
		},
	}
}
