//go:build unix

package prefork

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"sync"
)

const (
	maxUnanswered = 16 // questions of a worker; with more it hangs, or is too slow to be asked
	maxQuestion   = 16 << 10
)

// questions are those that a worker has not answered, even if nobody waits any more.
type questions struct {
	mu         sync.Mutex
	last       uint64
	unanswered map[uint64]chan message // each has room for its answer

	outbox chan message // has room for all of them and for Replaced
}

func newQuestions() questions {
	return questions{unanswered: make(map[uint64]chan message), outbox: make(chan message, maxUnanswered+1)}
}

// Ask gives the worker in a slot a question, and returns its answer. It returns the error of
// ctx when that ends, and [ErrNoWorker] if the worker ends before it has answered. During a
// rolling restart the newest worker that is ready answers. Several goroutines may ask. A
// worker that does not answer delays nothing else.
func (s *Supervisor) Ask(ctx context.Context, slot int, question []byte) ([]byte, error) {
	if len(question) > maxQuestion {
		return nil, fmt.Errorf("the question has %d bytes, of at most %d", len(question), maxQuestion)
	}
	s.mu.Lock()
	var c *child
	if slot >= 0 && slot < len(s.children) {
		c = s.children[slot]
	}
	s.mu.Unlock()
	if c == nil {
		return nil, ErrNoWorker
	}
	answer, err := c.ask(question)
	if err != nil {
		return nil, err
	}
	var m message
	select {
	case m = <-answer:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.ended: // all that it has sent is read
		select {
		case m = <-answer:
		default:
			return nil, ErrNoWorker
		}
	}
	if m.Refused != "" {
		return nil, errors.New(m.Refused)
	}
	return m.Body, nil
}

// ask sends a question and returns what gets the answer.
func (q *questions) ask(question []byte) (<-chan message, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.unanswered) >= maxUnanswered {
		return nil, fmt.Errorf("the worker has not answered %d questions yet", maxUnanswered)
	}
	q.last++
	answer := make(chan message, 1)
	q.unanswered[q.last] = answer
	q.outbox <- message{Question: q.last, Body: question}
	return answer, nil
}

func (q *questions) answered(m message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if answer, ok := q.unanswered[m.Question]; ok {
		delete(q.unanswered, m.Question)
		answer <- m
	}
}

// deliver writes to the worker, which may not read, until it ends.
func (c *child) deliver() {
	for out := gob.NewEncoder(c.socket); ; {
		select {
		case m := <-c.outbox:
			if out.Encode(m) != nil {
				return
			}
		case <-c.ended:
			return
		}
	}
}

func (s *Supervisor) setChild(c *child) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.children[c.slot] = c
}
