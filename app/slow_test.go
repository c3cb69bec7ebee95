package app_test

import (
	"net/http"
	"strings"
	"testing"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services"
)

// found are the log's lines with that message about that request.
func (l *logged) found(t *testing.T, message, requestID string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for _, line := range l.lines(t) {
		if line["msg"] == message && line["request_id"] == requestID {
			found = append(found, line)
		}
	}
	return found
}

func TestSlowRequest_TellsTheStatementThatMadeItSlow(t *testing.T) {
	s := start(t, "SLOW_QUERY_THRESHOLD=50ms", "SLOW_REQUEST_THRESHOLD=50ms")
	user, visitor := s.user("max", services.Member), s.visitor()
	tx := s.db.MustBeginTx(t.Context(), nil)
	defer tx.Rollback() //nolint:errcheck // committed below
	tx.MustExecContext(t.Context(), "LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
	answers := make(chan answer, 1)
	go func() { answers <- visitor.signIn(user.Email, password) }()
	devtest.Eventually(t, "the statement has waited longer than the threshold", func() bool {
		return len(s.ids(`SELECT pid FROM pg_stat_activity WHERE datname = current_database()
			AND wait_event_type = 'Lock' AND clock_timestamp() > query_start + interval '60 ms'`)) == 1
	})
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	got := (<-answers).want(http.StatusOK)

	id, route := got.header.Get("X-Request-Id"), "POST /api/v1/session"
	queries := s.log.found(t, "slow query", id)
	if len(queries) != 1 {
		t.Fatalf("%d slow queries in the log:\n%s", len(queries), s.log)
	}
	query := queries[0]
	if text, _ := query["query"].(string); query["level"] != "WARN" || query["route"] != route ||
		query["name"] != "users.by_email" || query["rows"] != 1.0 || query["outcome"] != "ok" ||
		query["duration"].(float64) < 50e6 || !strings.Contains(text, "FROM users") {
		t.Errorf("got %v", query)
	}
	devtest.Eventually(t, "the request is logged", func() bool { return len(s.log.found(t, "slow request", id)) == 1 })
	request := s.log.found(t, "slow request", id)[0]
	if request["level"] != "WARN" || request["route"] != route || request["queries"] != 1.0 || request["status"] != 200.0 {
		t.Errorf("got %v", request)
	}
}
