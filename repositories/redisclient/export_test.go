package redisclient

// Lanes is how many batches may be on their way at once.
const Lanes = lanes

// Waiting counts the callers of the next batch.
func (b Batched) Waiting() int {
	b.queue.mu.Lock()
	defer b.queue.mu.Unlock()
	if b.queue.next == nil {
		return 0
	}
	return b.queue.next.waiting
}
