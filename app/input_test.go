package app_test

import (
	"net/http"
	"strings"
	"testing"
)

// Every route of the API refuses parameters that it does not have; see rest.ReadQuery.
func TestQueries_OfTheAPITakeWhatIsDeclared(t *testing.T) {
	admin := shared(t).admin()
	for _, op := range theSpec(t).operations {
		if !strings.HasPrefix(op.path, "/api/") || theSpec(t).object(op.at+"/requestBody") != nil {
			continue
		}
		path := strings.ReplaceAll(op.path, "{id}", "1")
		for query, field := range map[string]string{"unknown=1": "unknown", "LIMIT=1": "LIMIT", "=1": ""} {
			admin.send(op.method, path+"?"+query, "").invalid(field)
		}
	}
}

func TestPaths_HaveOneMeaningHoweverTheyAreSpelled(t *testing.T) {
	s := shared(t)
	admin := s.admin()
	for _, spelled := range []string{"/%61pi/v1/session", "/api/v1/%73ession"} {
		admin.get(spelled).want(http.StatusOK)
		s.visitor().get(spelled).problem(http.StatusUnauthorized) // a guard holds for each spelling
	}
	admin.get("/api%2Fv1/session").want(http.StatusBadRequest)
	for _, path := range []string{
		"/nowhere", "/api", "/api/v2/session", "/api/v1/", "/health/", "/healthz", "/api/v1/session/", "/api/v1//session",
		"//api/v1/session", "/API/v1/session", "/api/v1/%53ession", "/api/v1/./session", "/api/v1/x/../session", "/static/%2e%2e/x",
	} {
		s.visitor().get(path).problem(http.StatusNotFound)
	}
}
