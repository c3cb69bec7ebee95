package console

import (
	"net/url"
	"strings"
	"testing"

	"example.com/prefab/services/problem"
)

func TestAction_NamesWhatItIsAbout(t *testing.T) {
	for query, words := range map[string]string{
		"do=retry&queue=outbox&key=k1":   "k1 of the queue outbox is tried again",
		"do=discard&queue=outbox&key=k1": "k1 of the queue outbox is removed for ever",
		"do=run&job=prune-rooms":         "The job prune-rooms runs once",
		"do=roll":                        "No request fails.",
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		a, err := readAction(values)
		if err != nil || !strings.Contains(a.Describe(), words) || a.Title() == "" || doneNotices[a.Do] == "" {
			t.Errorf("%s: %+v, %q, error %v", query, a, a.Describe(), err)
		}
	}
}

func TestAction_IsRefusedIfItIsIncomplete(t *testing.T) {
	for _, query := range []string{
		"", "do=drop", "do=retry", "do=retry&queue=outbox", "do=discard&key=k1", "do=run",
		"do=run&job=" + strings.Repeat("x", 201), "do=retry&queue=q&key=" + strings.Repeat("x", 201),
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readAction(values); problem.CodeOf(err) != problem.Invalid {
			t.Errorf("%.40s: error %v", query, err)
		}
	}
}
