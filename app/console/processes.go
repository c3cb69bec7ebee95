package console

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// statusTimeout leaves time for the answer to reach another node.
const statusTimeout = askTimeout / 5 * 3

// textsAge is how long the texts of statements are used, which hardly ever change.
const textsAge = 30 * time.Second

// ask sends a question to the worker in a slot.
type ask func(ctx context.Context, slot int, question []byte) ([]byte, error)

// processes is what the node's processes have answered.
type processes struct {
	mu      sync.Mutex
	asked   time.Time
	answers map[int]Answer // by slot
	silent  []int
	texts   map[string]string // of statements
	textsAt time.Time
}

// refresh asks the workers in these slots, unless that was done just now, and returns the slots
// of those that answer.
func (p *processes) refresh(ctx context.Context, ask ask, slots []int) []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.asked) < stateAge {
		return slices.Sorted(maps.Keys(p.answers))
	}
	p.asked, p.answers, p.silent = now, make(map[int]Answer), nil
	texts := now.Sub(p.textsAt) > textsAge
	if texts {
		p.textsAt, p.texts = now, make(map[string]string)
	}
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	var asking sync.WaitGroup
	var mu sync.Mutex
	for i, slot := range slots {
		asking.Go(func() {
			answer, err := ask.question(ctx, slot, Question{Kind: Status, Letters: i == 0, Texts: texts})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				p.silent = append(p.silent, slot)
				return
			}
			p.answers[slot] = answer
			maps.Copy(p.texts, answer.Texts)
		})
	}
	asking.Wait()
	return slices.Sorted(maps.Keys(p.answers))
}

// tell adds the answers to what the node tells.
func (p *processes) tell(n *node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for slot, answer := range p.answers {
		n.take(slot, answer)
	}
	for _, slot := range p.silent {
		n.Problem = fmt.Sprintf("Worker %d of %s does not answer.", slot, n.Info.Name)
	}
	for name, s := range n.Statements {
		s.Text = p.texts[name]
	}
}

// question asks one worker.
func (a ask) question(ctx context.Context, slot int, q Question) (answer Answer, err error) {
	text, err := json.Marshal(q)
	if err != nil {
		return answer, fmt.Errorf("encode a question: %w", err)
	}
	text, err = a(ctx, slot, text)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return answer, fmt.Errorf("read the answer of worker %d: %w", slot, err)
	}
	return answer, nil
}
