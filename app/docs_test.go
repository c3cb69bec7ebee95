package app_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestDocs_ShowEveryOperation(t *testing.T) {
	page := shared(t).visitor().page("/docs").want(http.StatusOK)
	for _, op := range theSpec(t).operations {
		of := theSpec(t).object(op.at)
		page.shows(`<h3 id="`+of["operationId"].(string)+`">`, `data-method="`+op.method+`" data-path="`+op.path+`"`)
		for status := range theSpec(t).object(op.at + "/responses") {
			page.shows(">" + status + "</")
		}
	}
	page.shows(`<h3 id="error-Unavailable">`, `id="who-token"`)
}

// What sends requests is for development.
func TestDocs_InProductionSendNothing(t *testing.T) {
	for environment, sends := range map[string]bool{"development": true, "production": false} {
		page := start(t, "APP_ENV="+environment).visitor().page("/docs").want(http.StatusOK).shows(`<h3 id="signIn">`)
		for _, element := range []string{"<script", "<form", "<input", "<textarea", "<button"} {
			if strings.Contains(string(page.body), element) != sends {
				t.Errorf("in %s there is a %s>: %t", environment, element, !sends)
			}
		}
	}
}
