package main

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// calls are how often Redis has carried out each command, those that scripts call
// included. The empty name is how often it has found something to read: a pipeline
// is read at once, as one trip.
type calls map[string]float64

var (
	commandCalls = regexp.MustCompile(`cmdstat_(\S+):calls=(\d+)`)
	readEvents   = regexp.MustCompile(`()total_reads_processed:(\d+)`)
)

// calls are those so far.
func (t *testbed) calls(ctx context.Context) (calls, error) {
	counts := calls{}
	for section, pattern := range map[string]*regexp.Regexp{"commandstats": commandCalls, "stats": readEvents} {
		text, err := t.client.Info(ctx, section).Result()
		if err != nil {
			return nil, err
		}
		for _, match := range pattern.FindAllStringSubmatch(text, -1) {
			counts[match[1]], _ = strconv.ParseFloat(match[2], 64) // digits
		}
	}
	return counts, nil
}

func (c calls) since(before calls) calls {
	difference := calls{}
	for name, n := range c {
		difference[name] = n - before[name]
	}
	return difference
}

// each says how often each command was called for one of so many requests. What is
// rarer than one in twenty is the background's.
func (c calls) each(requests float64) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(c)) {
		if n := c[name] / requests; name != "" && n >= 0.05 {
			list = append(list, fmt.Sprintf("%s %.1f", name, n))
		}
	}
	return strings.Join(list, ", ")
}
