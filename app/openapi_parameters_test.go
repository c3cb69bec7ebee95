package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// reads are the requests of the contract that only read, and succeed.
func (s *service) reads() (reads []contractCase) {
	s.t.Helper()
	by := people{s.visitor(), s.member(), s.admin()}
	for _, cases := range append(moreContractCases, contractCases) {
		for _, c := range cases(s, by) {
			if c.method == http.MethodGet && c.status == http.StatusOK {
				c.path, _, _ = strings.Cut(c.path, "?")
				reads = append(reads, c)
			}
		}
	}
	slices.SortFunc(reads, func(a, b contractCase) int { return strings.Compare(a.path, b.path) })
	return slices.CompactFunc(reads, func(a, b contractCase) bool { return a.path == b.path })
}

// Beyond each limit of a parameter that the document tells, the answer is 422.
func TestOpenAPI_LimitsOfParametersHold(t *testing.T) {
	doc := theSpec(t)
	for _, c := range start(t).reads() {
		op, _ := doc.operation(c.method, c.path)
		for place, at := range doc.parameters(op) {
			name, isQuery := strings.CutPrefix(place, "query ")
			_, schema := doc.follow(at + "/schema")
			for _, value := range beyond(doc.object(schema)) {
				if isQuery && value != "" { // an empty one counts as absent
					c.by.get(c.path + "?" + name + "=" + url.QueryEscape(fmt.Sprint(value))).invalid(name)
				}
			}
		}
	}
}

// Each word of the handlers' code might be a parameter. One that a route takes is refused if it is
// given twice, and one that a route of the API does not take is refused.
func TestOpenAPI_TellsEachParameterThatIsTaken(t *testing.T) {
	var words []string
	files, err := filepath.Glob("../handlers/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`"([a-zA-Z]\w*)"`).FindAllStringSubmatch(string(text), -1) {
			words = append(words, match[1])
		}
	}
	slices.Sort(words)
	doc := theSpec(t)
	for _, c := range start(t).reads() {
		op, _ := doc.operation(c.method, c.path)
		for _, word := range slices.Compact(words) {
			if doc.parameters(op)["query "+word] != "" {
				continue
			}
			isAPI := strings.HasPrefix(c.path, "/api/")
			query := "?" + word + "=1" + map[bool]string{false: "&" + word + "=2"}[isAPI]
			if got := c.by.get(c.path + query); (got.status == http.StatusUnprocessableEntity) != isAPI {
				t.Errorf("%s: %d, so the parameter is taken, and it is not documented", got.asked, got.status)
			}
		}
	}
}
