package console

import (
	"cmp"
	"slices"
	"time"

	"example.com/prefab/app/console/format"
)

// maxRows are shown of the statements and of the requests in flight. /ops.json has more.
const maxRows = 20

// view is what the templates show.
type view struct {
	State
	Notice  string
	Verdict verdict
	Plots   []plot
	Minutes []minute
	Groups  []group
	Hidden  struct{ Slow, Statements int } // not shown
	Changed []Setting
	Default []Setting
}

// group is a node and its workers.
type group struct {
	NodeInfo
	Workers []Worker
}

func newView(s State) *view {
	v := &view{State: s, Verdict: judge(s), Plots: plots(s.History), Minutes: minutes(s.History), Groups: groups(s)}
	v.Routes = slices.Clone(s.Routes)
	slices.SortFunc(v.Routes, func(a, b Route) int { // the last minute alone would make rows jump
		return cmp.Or(cmp.Compare(traffic(b), traffic(a)), cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Name, b.Name))
	})
	for _, setting := range s.Settings {
		if setting.Changed {
			v.Changed = append(v.Changed, setting)
		} else {
			v.Default = append(v.Default, setting)
		}
	}
	v.Slow, v.Hidden.Slow = shown(s.Slow)
	v.Statements, v.Hidden.Statements = shown(s.Statements)
	return v
}

// shown is the beginning of a list, and how many more there are.
func shown[T any](all []T) ([]T, int) {
	n := min(len(all), maxRows)
	return all[:n], len(all) - n
}

// traffic is a route's requests of the last 15 minutes.
func traffic(r Route) (sum uint64) {
	for _, n := range r.Spark {
		sum += n
	}
	return sum
}

// groups are the nodes with their workers; a worker of a node that is not listed has one, too.
func groups(s State) (all []group) {
	at := make(map[string]int)
	for _, n := range s.Nodes {
		at[n.Name] = len(all)
		all = append(all, group{NodeInfo: n})
	}
	for _, w := range s.Workers {
		i, known := at[w.Node]
		if !known {
			i = len(all)
			at[w.Node] = i
			all = append(all, group{NodeInfo: NodeInfo{Name: w.Node}})
		}
		all[i].Workers = append(all[i].Workers, w)
	}
	return all
}

// Title is the page's, as the browser's tab shows it.
func (v *view) Title() string {
	text, mark := v.Verdict.Word, ": "
	for _, c := range v.Verdict.Causes {
		text, mark = text+mark+c.Text, ", "
	}
	return text + " · " + v.Node
}

// Clock is a moment as the page shows it, in UTC.
func (v *view) Clock() string { return v.Time.UTC().Format("15:04:05") }

// Ago is how far a moment is from the state's.
func (v *view) Ago(t time.Time) string { return format.Ago(t, v.Time) }

// Since is for how long something lasts.
func (v *view) Since(t time.Time) string {
	if t.IsZero() {
		return format.None
	}
	return format.Seconds(v.Time.Sub(t).Seconds())
}
