package app

import (
	"context"
	"fmt"

	"example.com/prefab/repositories/outbox"
	"example.com/prefab/services"
)

// outboxHandler delivers what waits in the outbox. Each kind has its case.
func outboxHandler(accounts accounts) outbox.Handle {
	return func(ctx context.Context, item outbox.Item) error {
		switch item.Kind {
		case services.SignUpMail, services.ResetMail, services.ChangeEmailMail, services.EmailChangedMail:
			return accounts.sendMail(ctx, item)
		default:
			return outbox.Permanent(fmt.Errorf("no case of outboxHandler has the kind %q", item.Kind))
		}
	}
}
