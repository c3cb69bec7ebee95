package redisclient

// MaxSending limits the batches that are under way at once.
const MaxSending = maxSending

// Waiting counts the callers of the next batch.
func (b Batched) Waiting() int {
	b.queue.mu.Lock()
	defer b.queue.mu.Unlock()
	if b.queue.next == nil {
		return 0
	}
	return b.queue.next.waiting
}
