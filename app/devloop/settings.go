//go:build unix

package main

import (
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/joho/godotenv"
)

const settingsFile = ".env"

// restarting are the settings that a supervisor reads only at its start, see docs/processes.md.
var restarting = []string{
	"HOST", "PORT", "ADMIN_ADDR", "DATABASE_URL", "REDIS_URL", "START_TIMEOUT", "SHUTDOWN_DELAY", "SHUTDOWN_TIMEOUT",
}

func needsRestart(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(restarting, name) })
}

// readSettings returns what .env sets; nothing, if it cannot be read, which the program tells.
func readSettings() map[string]string {
	text, _ := os.ReadFile(settingsFile)
	values, _ := godotenv.UnmarshalBytes(text)
	return values
}

// changedSettings tells the names of the settings in .env that are not as the service has them.
func (l *loop) changedSettings() (names []string) {
	now := readSettings()
	for name := range merged(now, l.settings) {
		value, set := now[name]
		before, wasSet := l.settings[name]
		if value != before || set != wasSet {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for i, name := range names {
		if slices.ContainsFunc(l.environ, func(entry string) bool { return strings.HasPrefix(entry, name+"=") }) {
			names[i] = name + " (without effect: make dev or its environment sets it)"
		}
	}
	if len(names) > 0 {
		say("changed in " + settingsFile + ": " + strings.Join(names, ", "))
	}
	return names
}

func merged(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	if all == nil {
		all = make(map[string]string)
	}
	maps.Copy(all, b)
	return all
}
