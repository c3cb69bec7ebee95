// Package console shows a running service: all workers of a node, and all nodes, as one. It
// promises that
//
//   - its totals are those of /metrics;
//   - a worker or a node that dies takes none of them along, and delays the others by half a second at most;
//   - while nobody looks, it costs one look at the metrics every two seconds, and sends nothing;
//   - it changes something only with OPS_ACTIONS=true, on a request of its own page, and logs that;
//   - it shows no passwords, no values of SQL, and nothing of a person.
package console
