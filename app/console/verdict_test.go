package console

import (
	"strings"
	"testing"
	"time"

	"example.com/prefab/app/console/format"
)

func TestVerdict_SaysInALineThatAllIsWell(t *testing.T) {
	v := judge(sample(12, 2, 3))
	facts := strings.ReplaceAll(v.Facts, format.Space, " ")
	if want := "6 of 6 workers on 2 nodes, 214 requests/s, <0.1 % errors, p95 12 ms"; v.Word != "All well" || facts != want {
		t.Errorf("%s: %s, %v", v.Word, facts, v.Causes)
	}
	if v := judge(sample(1, 1, 1)); !strings.HasPrefix(v.Facts, "1 of 1 worker on 1 node, ") {
		t.Error(v.Facts)
	}
}

func TestVerdict_NamesTheCausesTheWorstFirst(t *testing.T) {
	v := judge(troubled())
	var texts []string
	for _, c := range v.Causes {
		texts = append(texts, string(c.Level)+" "+strings.ReplaceAll(c.Text, format.Space, " "))
	}
	want := `bad Redis answers only 4 of 6 workers
bad worker 2 of web-1:4711 is down, after 4 restarts
bad 6.2 % of the requests fail
warn 3 dead letters in outbox
warn work in outbox has waited for 6 min 52 s
warn job prune-rooms failed`
	if got := strings.Join(texts, "\n"); v.Word != "Trouble" || got != want {
		t.Errorf("%s:\n%s", v.Word, got)
	}
}

func TestVerdict_TellsEachProblem(t *testing.T) {
	for _, c := range []struct {
		spoil func(s *State)
		level level
		want  string // "": all is well
	}{
		{func(s *State) { s.Problem = "Redis does not answer: other nodes are missing" }, warn, "Redis does not answer: other nodes are missing"},
		{func(s *State) { s.Dependencies[0].Up = 0 }, bad, "PostgreSQL does not answer"},
		{func(s *State) { s.Workers[1].Health = "Redis does not answer" }, warn, "worker 1 says: Redis does not answer"},
		{func(s *State) { s.Workers[1].State = "starting" }, warn, "worker 1 is starting"},
		{func(s *State) { s.Workers[1].Restarts, s.Workers[1].Started = 1, s.Time.Add(-time.Minute) }, warn, "worker 1 restarted 1 min ago"},
		{func(s *State) { s.Workers[1].Restarts = 1 }, good, ""}, // long ago
		{func(s *State) { s.Workers, s.Nodes = nil, nil }, warn, "no worker has told its state"},
		{func(s *State) { s.Nodes[0].Seen = s.Time.Add(-time.Minute) }, bad, "node web-1:4711 has told nothing for 1 min"},
		{func(s *State) { s.Total.Failing = 0.02 }, warn, "2.0 % of the requests fail"},
		{func(s *State) { s.Total.Failing, s.Total.Rate = 0.5, 0.05 }, good, ""}, // one of two in a minute
		{func(s *State) { s.Pools[0].Rate = 12 }, warn, "requests wait for a connection to PostgreSQL, 12/s"},
		{func(s *State) { s.Queues[0].Dead = 1 }, warn, "1 dead letter in outbox"},
	} {
		s := sample(3, 1, 2)
		c.spoil(&s)
		v, got := judge(s), ""
		if len(v.Causes) > 0 {
			got = strings.ReplaceAll(v.Causes[0].Text, format.Space, " ")
		}
		if got != c.want || v.Level != c.level || len(v.Causes) > 1 {
			t.Errorf("%s %v, want %s %q", v.Level, v.Causes, c.level, c.want)
		}
	}
}

func TestVerdict_CountsTheCausesThatItDoesNotList(t *testing.T) {
	s := sample(1, 3, 8)
	for i := range s.Workers {
		s.Workers[i].State = "down"
	}
	v := judge(s)
	if n := len(v.Causes); n != maxCauses+1 || v.Causes[n-1].Text != "16 more" || v.Causes[n-1].Level != bad {
		t.Errorf("%v", v.Causes)
	}
}
