package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/app/settings"
	"example.com/prefab/handlers/dev"
	"example.com/prefab/handlers/rest"
	"example.com/prefab/handlers/web"
	"example.com/prefab/middleware/request"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/services/health"
)

var errRemote = errors.New("the remote end is asleep")

// page is the only page of these tests' service.
type page struct{ fiber.Views }

func (page) Load() error { return nil }

func (page) Render(w io.Writer, _ string, _ any, _ ...string) error {
	_, err := io.WriteString(w, "<html><head></head><body>an ordinary page</body></html>")
	return err
}

// serveFailing runs a service in an environment, with routes that fail, and returns its URL.
func serveFailing(t *testing.T, env Environment) string {
	t.Helper()
	s, err := settings.Load[Settings]([]string{
		"APP_ENV=" + string(env), "DATABASE_URL=" + devtest.Database(t), "REDIS_URL=" + devtest.Redis(t),
	}, "none")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	built := make(chan *health.Monitor, 1)
	log, flush := NewLogger(s, io.Discard)
	t.Cleanup(flush)
	options := Options{Settings: s, Log: log, Build: func(p *Process) (*Service, error) {
		show := func(c *fiber.Ctx, _ web.ProblemView) error { return web.Render(c, "problem", nil) }
		app := p.NewApp(page{}, rest.ErrorHandler(log, web.ProblemPage(func(string) string { return "/" }, show), rest.ErrorFormat{}))
		app.Get("/page", func(c *fiber.Ctx) error { return web.Render(c, "page", nil) })
		fails := func(c *fiber.Ctx) error {
			for range 120 {
				if _, err := p.DB.ExecContext(c.UserContext(), "-- name: lamps.find\nSELECT $1::text, $2::int", "a secret value", 1); err != nil {
					return err
				}
			}
			return fmt.Errorf("look for lamps: %w", errors.Join(errRemote, io.ErrUnexpectedEOF))
		}
		app.Get("/fails", fails)
		app.Get("/api/fails", fails)
		app.Get("/panics", func(*fiber.Ctx) error { panic("out of cheese") })
		lamps := cache.NewTable[string](cache.New(cache.Options{
			Client: p.Redis, MemoryTTL: time.Minute, MaxItems: 10, MaxBytes: 1 << 10, ValueLimit: 100, Budget: time.Second,
		}), cache.TableOptions{Name: "lamp", TTL: time.Hour})
		app.Get("/lamps/:id", func(c *fiber.Ctx) error {
			log.WarnContext(c.UserContext(), "a lamp flickers", slog.Group("lamp", "watts", 60), "error", errRemote)
			find := func(ctx context.Context) (lamp string, err error) {
				return lamp, p.DB.GetContext(ctx, &lamp, "-- name: lamps.get\nSELECT $1::text", "a secret value")
			}
			for range 2 {
				if _, err := lamps.Get(c.UserContext(), "7", []string{"lamp:7"}, find); err != nil {
					return err
				}
			}
			return c.SendStream(strings.NewReader("a lamp"))
		})
		app.Get("/favicon.ico", func(c *fiber.Ctx) error { return c.SendStatus(fiber.StatusNoContent) })
		request.NameRoutes(app)
		built <- p.Health
		return &Service{App: app, Health: p.NewHealth(nil)}, nil
	}}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, options, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	monitor := <-built
	devtest.Eventually(t, "it is ready", func() bool { return monitor.State() == health.Ready })
	return "http://" + listener.Addr().String()
}

// browse gets an address as a browser does.
func browse(t *testing.T, url string, header ...string) (status int, body string) {
	t.Helper()
	response, body := answer(t, url, header...)
	return response.StatusCode, body
}

func answer(t *testing.T, url string, header ...string) (response *http.Response, body string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/html,*/*;q=0.8")
	for i := 0; i < len(header); i += 2 {
		if request.Header.Set(header[i], header[i+1]); header[i] == "Host" {
			request.Host = header[i+1]
		}
	}
	request.Close = true
	response, err = http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

func stateFile(t *testing.T, s dev.State) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "state.json")
	if err := dev.WriteState(file, s); err != nil {
		t.Fatal(err)
	}
	t.Setenv(dev.StateVariable, file)
	return file
}

var causes = []string{"lamps", "asleep", "cheese", "SELECT", "goroutine", "develop_test.go", "fmt.wrapError"}

func TestDevelopment_AnErrorPageTellsTheCause(t *testing.T) {
	url := serveFailing(t, Development)
	status, body := browse(t, url+"/fails?page=2&api_key=hunter2", "Cookie", "id=hunter2", "Authorization", "Bearer hunter2",
		"Referer", url+"/x?reset=hunter2")
	if status != 500 {
		t.Errorf("the status is %d", status)
	}
	for _, want := range []string{
		"<h1>look for lamps: the remote end is asleep", "<code>*fmt.wrapError</code>", "<code>*errors.joinError</code>",
		"<code>*errors.errorString</code> the remote end is asleep", "unexpected EOF",
		"<th>GET</th><td>/fails</td>", "<th>?page</th><td>2</td>", "<th>?api_key</th><td>(masked)</td>",
		"<th>Cookie</th><td>(masked)</td>", "<th>Authorization</th><td>(masked)</td>", "<th>Accept</th><td>text/html",
		"<td>lamps.find</td>", "SELECT $1::text, $2::int", `<td data-name="Arguments">2</td><td data-name="Rows">1</td><td>ok</td>`, "And 20 more.",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not tell %q", want)
		}
	}
	if strings.Contains(body, "hunter2") || strings.Contains(body, "a secret value") {
		t.Error("the page tells a secret")
	}
	if t.Failed() {
		t.Log(body)
	}
	_, body = browse(t, url+"/panics")
	if !strings.Contains(body, "<h1>panic: out of cheese</h1>") || !strings.Contains(body, "app/server/develop_test.go:") {
		t.Errorf("of a panic the page tells\n%s", body)
	}
}

func TestDevelopment_OthersGetTheOrdinaryAnswers(t *testing.T) {
	stateFile(t, dev.State{Problem: "it does not build"})
	url := serveFailing(t, Development)
	response, _ := answer(t, url+"/fails")
	failed := url + dev.RequestsPath + "/" + response.Header.Get("X-Request-Id")
	if status, body := browse(t, failed); status != 200 || !strings.Contains(body, causes[0]) {
		t.Errorf("this machine gets %d %s", status, body)
	}
	for name, ask := range map[string][]string{
		"a program":                    {url + "/fails", "Accept", "*/*"},
		"the API":                      {url + "/api/fails"},
		"a client by a proxy":          {url + "/fails", "X-Forwarded-For", "203.0.113.9"},
		"another by a proxy":           {url + "/panics", "Forwarded", "for=203.0.113.9"},
		"a site whose name leads here": {url + "/panics", "Host", "attacker.example"},
		"its script":                   {url + dev.Prefix + "state", "Host", "attacker.example:3000"},
		"the state by a proxy":         {url + dev.Prefix + "state", "X-Forwarded-For", "203.0.113.9"},
		"the requests by a proxy":      {url + dev.RequestsPath, "X-Forwarded-For", "203.0.113.9"},
		"a request by another name":    {failed, "Host", "attacker.example"},
	} {
		status, body := browse(t, ask[0], ask[1:]...)
		if status < 400 || strings.Contains(body, "it does not build") {
			t.Errorf("%s gets %d %s", name, status, body)
		}
		for _, cause := range causes {
			if strings.Contains(body, cause) {
				t.Errorf("%s is told %q: %s", name, cause, body)
			}
		}
	}
}

func TestDevelopment_PagesReloadAndTellWhatDoesNotBuild(t *testing.T) {
	file := stateFile(t, dev.State{Code: 40, Files: 2})
	url := serveFailing(t, Development)
	if _, body := browse(t, url+"/page"); !strings.Contains(body, `<script src="/_dev/dev.js" data-version="42" defer></script></head>`) {
		t.Errorf("the page is %s", body)
	}
	if err := dev.WriteState(file, dev.State{Code: 50, Files: 3, Problem: "it does not build"}); err != nil {
		t.Fatal(err)
	}
	// The code is that of this process, which is older.
	if _, body := browse(t, url+dev.Prefix+"state"); body != `{"problem":"it does not build","version":43}` {
		t.Errorf("the state is %s", body)
	}
	for _, name := range []string{"dev.js", "dev.css"} {
		if status, _ := browse(t, url+dev.Prefix+name); status != 200 {
			t.Errorf("%s is %d", name, status)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if status, _ := browse(t, url+"/page"); status != 200 {
		t.Errorf("without its file a page is %d", status)
	}
}

func TestProduction_HasNothingOfDevelopment(t *testing.T) {
	stateFile(t, dev.State{Problem: "it does not build"})
	url := serveFailing(t, Production)
	response, _ := answer(t, url+"/lamps/7")
	for path, want := range map[string]int{
		dev.RequestsPath: 404, dev.RequestsPath + "/" + response.Header.Get("X-Request-Id"): 404,
		"/fails": 500, "/panics": 500, "/api/fails": 500, "/page": 200,
		dev.Prefix + "state": 404, dev.Prefix + "dev.js": 404, dev.Prefix + "dev.css": 404,
	} {
		status, body := browse(t, url+path)
		if status != want {
			t.Errorf("%s is %d, want %d", path, status, want)
		}
		for _, told := range append(causes, dev.Prefix+"dev", "it does not build", "(masked)") {
			if strings.Contains(body, told) && !strings.Contains(path, told) {
				t.Errorf("%s tells %q: %s", path, told, body)
			}
		}
	}
}
