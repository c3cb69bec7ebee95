package redisclient

// MaxSending limits the batches that are under way at once.
const MaxSending = maxSending

// Waiting counts the callers of the next batch.
func (b Batched) Waiting() int {
	b.queue.mu.Lock()
	defer b.queue.mu.Unlock()
	return len(b.queue.next)
}
