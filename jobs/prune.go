package jobs

import (
	"context"
	"log/slog"
	"time"

	"example.com/prefab/services"
)

// PruneProducts removes for good, every hour, the products that were deleted
// longer than age ago.
func PruneProducts(products *services.Products, age time.Duration, log *slog.Logger) Job {
	return Job{Name: "prune-products", Every: time.Hour, Timeout: 10 * time.Minute, Shared: true,
		Run: func(ctx context.Context) error {
			removed, err := products.Prune(ctx, time.Now().Add(-age))
			if removed > 0 {
				log.InfoContext(ctx, "deleted products were removed for good", "products", removed)
			}
			return err
		}}
}
