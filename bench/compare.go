package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// row is a line of the report: one figure of two servers.
type row struct {
	Scenario, Section, What string
	Label, Against          string
	Ours, Theirs            float64 // medians
	Ratio, Low, High        float64 // the median, the lowest and the highest of the rounds' ratios
	Limit                   float64
	AtLeast, Met            bool
	Commands                string // that Redis got for one request
}

// contest is a scenario under way.
type contest struct {
	*testbed
	scenario
	load    load
	servers []*server
}

// compare runs a scenario: in each round every server gets the load once.
func (t *testbed) compare(ctx context.Context, s scenario) (rows []row, err error) {
	c := &contest{testbed: t, scenario: s, servers: make([]*server, len(s.sides))}
	c.load = load{method: s.method, paths: s.paths(t), random: s.random, connections: s.connections}
	if c.load.method == "" {
		c.load.method = http.MethodGet
	}
	if c.load.connections == 0 {
		c.load.connections = 64
	}
	if t.options.smoke {
		c.load.connections = min(c.load.connections, 16)
	}
	defer func() {
		for _, p := range c.servers {
			if p != nil {
				p.stop()
			}
		}
	}()
	if err := t.client.FlushDB(ctx).Err(); err != nil {
		return nil, err
	}
	for i := range s.sides {
		if err := c.begin(ctx, i); err != nil {
			return nil, err
		}
	}
	if err := c.agree(ctx); err != nil {
		return nil, err
	}
	runs := make([][]measured, len(s.sides))
	for round := range t.options.rounds {
		for i := range s.sides {
			m, err := c.measure(ctx, i, round)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.sides[i].label, err)
			}
			runs[i] = append(runs[i], m)
		}
	}
	for _, comparison := range s.comparisons {
		rows = append(rows, c.row(comparison, runs))
	}
	return rows, nil
}

// begin starts and warms a side's server.
func (c *contest) begin(ctx context.Context, i int) error {
	p, err := c.start(ctx, c.sides[i])
	if err != nil {
		return err
	}
	c.servers[i] = p
	warm := c.load
	warm.random, warm.connections = false, min(warm.connections, 64)
	if c.method != "" {
		if err := p.signIn(ctx); err != nil {
			return err
		}
	}
	if c.sides[i].cold {
		warm.paths = warm.paths[len(warm.paths)-warmProducts:]
	}
	_, err = warm.send(ctx, p, c.dir, 0, c.options.length)
	return errors.Join(err, c.settle(ctx, i))
}

// agree sees to it that all servers give the same answer.
func (c *contest) agree(ctx context.Context) error {
	var first []byte
	for i, p := range c.servers {
		status, body, err := p.do(ctx, c.load.method, c.load.paths[len(c.load.paths)-1], `{"quantity":7}`)
		if err != nil {
			return err
		}
		if status != http.StatusOK && status != http.StatusAccepted {
			return fmt.Errorf("%s answers %d: %s", c.sides[i].label, status, body)
		}
		if i == 0 {
			first = body
		}
		if !bytes.Equal(body, first) {
			return fmt.Errorf("%s answers\n%s\nand %s\n%s", c.sides[0].label, first, c.sides[i].label, body)
		}
	}
	return nil
}

func (c *contest) measure(ctx context.Context, i, round int) (m measured, err error) {
	if c.sides[i].cold {
		c.servers[i].stop()
		c.servers[i] = nil
		if err := c.client.FlushDB(ctx).Err(); err != nil {
			return m, err
		}
		if err := c.begin(ctx, i); err != nil {
			return m, err
		}
	}
	p := c.servers[i]
	server, stores := p.cpu(), c.storesCPU()
	before, err := c.calls(ctx)
	if err != nil {
		return m, err
	}
	if m.answered, err = c.load.send(ctx, p, c.dir, round, c.options.length); err != nil {
		return m, err
	}
	if err := c.settle(ctx, i); err != nil {
		return m, err
	}
	m.server, m.stores = p.cpu()-server, c.storesCPU()-stores
	after, err := c.calls(ctx)
	if err != nil {
		return m, err
	}
	m.calls = after.since(before)
	if c.sides[i].cold && int(m.Requests) > len(c.load.paths)-warmProducts {
		return m, errors.New("all products have been asked for: it needs more -products, or fewer -seconds")
	}
	return m, nil
}

// settle waits until Prefab has stored what it was given: that is part of a write's price.
func (c *contest) settle(ctx context.Context, i int) error {
	if c.load.method == http.MethodGet || c.sides[i].reference != "" {
		return nil
	}
	for {
		pending, err := c.servers[i].pending(ctx)
		if err != nil || pending == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Millisecond): // to ask costs, too
		}
	}
}

func (c *contest) row(by comparison, runs [][]measured) row {
	var ours, theirs, ratios []float64
	for round, run := range runs[by.of] {
		a, b := by.value(run), 1.0
		if by.against != nobody {
			b = by.value(runs[by.against][round])
		}
		ours, theirs, ratios = append(ours, a), append(theirs, b), append(ratios, a/b)
	}
	last := runs[by.of][len(runs[by.of])-1]
	r := row{
		Scenario: c.name, Section: c.section, What: by.what, Label: c.sides[by.of].label,
		Ours: median(ours), Theirs: median(theirs),
		Ratio: median(ratios), Low: slices.Min(ratios), High: slices.Max(ratios),
		Limit: by.limit, AtLeast: by.atLeast, Commands: last.calls.each(last.Requests),
	}
	if by.against != nobody {
		r.Against = c.sides[by.against].label
	}
	r.Met = by.atLeast && r.Ratio >= by.limit || !by.atLeast && r.Ratio <= by.limit
	return r
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
