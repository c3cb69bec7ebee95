package console

import (
	"bytes"
	"embed"
	"hash/fnv"
	"html/template"
	"io"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/prefab/app/console/format"
)

//go:embed console.html console.css console.js console.svg
var files embed.FS

var functions = template.FuncMap{
	"short": format.Short, "rate": format.Rate, "count": format.Count, "size": format.Size, "percent": format.Share,
	"seconds": format.Seconds, "plural": plural, "spark": spark, "key": key, "verb": verb, "path": path,
	"stateLevel": stateLevel, "failing": failingLevel, "hundredths": hundredths,
	"letter": func(do, queue, key string) Action { return Action{Do: do, Queue: queue, Key: key} },
	"job":    func(name string) Action { return Action{Do: "run", Job: name} },
	"miss":   func(t Table) float64 { return max(0, 1-t.HitL1-t.HitL2) },
	"sum":    func(a, b int) int { return a + b },
}

// templates are read by the first request: most processes show no page. Indentation would
// be a fifth of each page.
var templates = sync.OnceValues(func() (*template.Template, error) {
	text, err := files.ReadFile("console.html")
	if err != nil {
		return nil, err
	}
	indentation := regexp.MustCompile(`\n\s+`)
	return template.New("").Funcs(functions).Parse(indentation.ReplaceAllString(string(text), "\n"))
})

// renderPage writes the whole page. notice says what was done a moment ago; usually nothing.
func renderPage(w io.Writer, s State, notice string) error {
	v := newView(s)
	v.Notice = notice
	return render(w, "page", v)
}

// renderMain writes the part of the page that changes, an element <main>.
func renderMain(w io.Writer, s State) error { return render(w, "main", newView(s)) }

// renderPlan writes the page of a statement's plan. problem says why there is none.
func renderPlan(w io.Writer, name, text, plan, problem string) error {
	return render(w, "plan", struct{ Name, Text, Plan, Problem string }{name, text, plan, problem})
}

// renderConfirm writes the page that asks before an action is done. problem says why it was
// not done, if it was tried.
func renderConfirm(w io.Writer, a Action, problem string) error {
	return render(w, "confirm", struct {
		Action
		Problem string
	}{a, problem})
}

// render writes nothing if the template fails.
func render(w io.Writer, name string, data any) error {
	all, err := templates()
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := all.ExecuteTemplate(&page, name, data); err != nil {
		return err
	}
	_, err = w.Write(page.Bytes())
	return err
}

// key is an id for what has that name, which may hold what an id may not.
func key(kind string, names ...any) string {
	h := fnv.New64a()
	for _, name := range names {
		switch name := name.(type) {
		case string:
			_, _ = io.WriteString(h, name)
		case int:
			_, _ = io.WriteString(h, strconv.Itoa(name))
		}
		_, _ = h.Write([]byte{0})
	}
	return kind + strconv.FormatUint(h.Sum64(), 36)
}

// hundredths is a sum of shares as a width.
func hundredths(shares ...float64) (sum int) {
	for _, share := range shares {
		sum += int(math.Round(share * 100))
	}
	return min(max(sum, 0), 100)
}

func verb(route string) string {
	verb, _, found := strings.Cut(route, " ")
	if !found {
		return ""
	}
	return verb
}

func path(route string) string {
	return strings.TrimPrefix(strings.TrimPrefix(route, verb(route)), " ")
}

// serveFile answers with the style sheet, the script or the icon.
func serveFile(w http.ResponseWriter, r *http.Request, name string) {
	text, err := files.ReadFile(name)
	if err != nil || strings.HasSuffix(name, ".html") {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Etag", `"`+key("", string(text))+`"`)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(text))
}
