// Package batched reads from Redis for many callers at a time. While one batch is on
// its way, whoever wants a value joins the next one, which is one write and one read for
// all of them. Under load that takes far less of both sides' time than a connection each.
package batched

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// Client is a client whose GET is batched. That heeds no context, only the client's
// timeouts: a batch waits for the one before it, and is sent once more without an answer.
type Client struct {
	redis.UniversalClient
	batches *redis.AutoPipeliner
}

// New returns a client that shares the connections of another one, and ends with it.
func New(client redis.UniversalClient) (Client, error) {
	batches, err := client.AutoPipeline()
	return Client{UniversalClient: client, batches: batches}, err
}

// Get is part of redis.Cmdable.
func (c Client) Get(ctx context.Context, key string) *redis.StringCmd { return c.batches.Get(ctx, key) }
