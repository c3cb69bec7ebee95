// Package console shows a running service: all workers of a node, and all nodes, as one. It
// promises that
//
//   - its totals are those of /metrics;
//   - a worker or a node that dies changes nothing of the others, and delays an answer by half a second at most;
//   - while nobody uses it, it reads the counters every two seconds, and sends nothing;
//   - it changes something only if Options.Actions is set, on a request of its own page, and logs that;
//   - it shows no passwords, no values of SQL, and nothing of a person.
//
// For example, on a listener for operators only:
//
//	c := console.New(console.Options{
//		Node: console.NodeInfo{Name: "web1", Started: time.Now()}, Metrics: merged, Workers: workers,
//		Ask: supervisor.Ask, Redis: client, Log: log,
//	})
//	go c.Run(ctx)
//	mux.Handle("/ops", c)
//	mux.Handle("/ops/", c)
package console
