package querylog

import (
	"context"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
)

const maxTexts = 300

// Texts keeps the text of each named statement, for a console that shows it. The first text
// of a name is kept, of the first 300 names. The zero value is ready. Observe is an Observer,
// which takes no lock and allocates nothing for a name that it knows.
type Texts struct {
	mu     sync.Mutex // of writers
	byName atomic.Pointer[map[string]string]
}

// Observe keeps the text of a statement with a new name.
func (t *Texts) Observe(_ context.Context, e Event) {
	if _, known := t.get()[e.Name]; known {
		return
	}
	if name, _ := leadingName(e.Query); name == "" { // e.Name is a verb, which many statements share
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	known := t.get()
	if _, ok := known[e.Name]; ok || len(known) >= maxTexts {
		return
	}
	more := make(map[string]string, len(known)+1)
	maps.Copy(more, known)
	more[strings.Clone(e.Name)] = strings.Clone(truncate(e.Query)) // a part would keep the whole text alive
	t.byName.Store(&more)
}

// All returns the texts by name. A text above 8 KiB ends with "…". The map must not be changed.
func (t *Texts) All() map[string]string { return t.get() }

func (t *Texts) get() map[string]string {
	if known := t.byName.Load(); known != nil {
		return *known
	}
	return nil
}
