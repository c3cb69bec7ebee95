package app_test

import (
	"net/http"
	"strings"
	"testing"

	"example.com/prefab/services"
)

func TestSlowRequest_TellsTheStatementThatMadeItSlow(t *testing.T) {
	s := start(t, "SLOW_QUERY_THRESHOLD=1us", "SLOW_REQUEST_THRESHOLD=1us") // all are slow
	got := s.visitor().signIn(s.user("max", services.Member).Email, password).want(http.StatusOK)
	id, route := got.header.Get("X-Request-Id"), "POST /api/v1/session"
	request := s.log.access(t, id)
	if request["msg"] != "slow request" || request["level"] != "WARN" || request["route"] != route || request["queries"] != 1.0 {
		t.Errorf("the request is logged as %v", request)
	}
	var query map[string]any
	for _, line := range s.log.lines(t) {
		if line["msg"] == "slow query" && line["request_id"] == id {
			query = line
		}
	}
	if text, _ := query["query"].(string); query["level"] != "WARN" || query["route"] != route || query["outcome"] != "ok" ||
		query["name"] != "users.by_email" || query["rows"] != 1.0 || !strings.Contains(text, "FROM users") {
		t.Errorf("the query is logged as %v", query)
	}
}
