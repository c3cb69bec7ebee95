package batched

// Lanes is how many batches may be on their way at once.
const Lanes = lanes

// Waiting counts the callers of the next batch.
func (c Client) Waiting() int {
	c.queue.mu.Lock()
	defer c.queue.mu.Unlock()
	if c.queue.next == nil {
		return 0
	}
	return c.queue.next.waiting
}
