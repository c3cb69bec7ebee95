package app_test

import (
	"net/http"
	"strings"
	"testing"
)

// The parameters that the API's routes take, but for the ids that only stand alone.
func queriesOf(t *testing.T, op operation) (names []string) {
	t.Helper()
	s := theSpec(t)
	list, _ := s.object(op.at)["parameters"].([]any)
	for i := range list {
		if p := s.object(op.at + "/parameters/" + string(rune('0'+i))); p["in"] == "query" {
			names = append(names, p["name"].(string))
		}
	}
	return names
}

func TestQueries_OfTheAPITakeWhatIsDeclaredAndOnce(t *testing.T) {
	s := start(t)
	admin := s.admin()
	for _, op := range theSpec(t).operations {
		if !strings.HasPrefix(op.path, "/api/") || theSpec(t).object(op.at+"/requestBody") != nil {
			continue
		}
		path := strings.ReplaceAll(op.path, "{id}", "1")
		for query, field := range map[string]string{
			"unknown=1": "unknown", "utm_source=x": "utm_source", "unknown": "unknown", "%61=1": "a", "LIMIT=1": "LIMIT", "%zz": "%zz",
			"%ff=1": "%ff", "=1": "", "unknown=1&unknown=2": "unknown", strings.Repeat("x", 1000): strings.Repeat("x", 100),
		} {
			admin.send(op.method, path+"?"+query, "").invalid(field)
		}
		for _, name := range queriesOf(t, op) {
			admin.send(op.method, path+"?"+name+"=1&"+name+"=2", "").invalid(name)
			for _, bad := range []string{"%00", "1%00", "%ff", "%zz", "%", "%E2%80%AE", "%ED%A0%80"} {
				admin.send(op.method, path+"?"+name+"="+bad, "").invalid(name)
			}
		}
	}
}

func TestPaths_HaveOneMeaningHoweverTheyAreSpelled(t *testing.T) {
	s := start(t)
	admin := s.admin()
	for _, spelled := range []string{"/%61pi/v1/session", "/api/v1/%73ession"} {
		admin.get(spelled).want(http.StatusOK)
		s.visitor().get(spelled).problem(http.StatusUnauthorized) // a guard holds for each spelling
	}
	admin.get("/api%2Fv1/session").want(http.StatusBadRequest)
}

func TestPaths_ThatNameNothingAreNoFaultOfOurs(t *testing.T) {
	s := start(t)
	for _, path := range []string{
		"/x/%00", "/x/1%00", "/x/%ff", "/x/%c3%28", "/x/%ed%a0%80", "/x/%2f", "/x/%0d%0a", "/x/%7f", "/static/%00.css", "/%2e%2e%2fetc",
	} {
		s.visitor().get(path).problem(http.StatusBadRequest)
	}
	for _, path := range []string{
		"/%zz", "/%", "/x/%4", "/x/%u0041",
	} {
		if got := s.raw("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n"); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d: %s", path, got.status, got.body)
		}
	}
	for _, path := range []string{"//", "/.", "/..", "/%2e", "/%2e%2e/", "/static/%2e%2e/x", "/static//prefab.css", "/health//live", "/x/../health"} {
		if got := s.raw("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n"); got.status != http.StatusNotFound {
			t.Errorf("%s: %d: %s", path, got.status, got.body)
		}
	}
	if page := s.visitor().get("/x/%00", asBrowser...).want(http.StatusBadRequest); !isPage(&http.Response{Header: page.header}) {
		t.Errorf("a browser gets %s", page.body)
	}
}
