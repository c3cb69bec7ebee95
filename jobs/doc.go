// Package jobs holds the service's own jobs. Each is a function that calls a service;
// app/schedule.go lists when they run.
package jobs
