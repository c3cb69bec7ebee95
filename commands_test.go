package main_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/prefab/app/devservices/devtest"
)

// command runs the program to its end and returns what it said.
func command(t *testing.T, settings []string, args ...string) (code int, said string) {
	t.Helper()
	p := launch(t, checkout(t), args, settings...)
	code = p.exit()
	return code, p.said()
}

func TestCommands_MigrateUpStatusDown(t *testing.T) {
	settings := []string{"DATABASE_URL=" + devtest.EmptyDatabase(t)}
	for _, step := range []struct {
		word, says string
	}{
		{"status", "00001_users.sql                          waits"},
		{"up", "00001_users.sql                          applied 20"},
		{"up", "applied 20"},
		{"down", "waits"},
		{"down", "waits"},
		{"up", "applied 20"},
	} {
		code, said := command(t, settings, "migrate", step.word)
		if code != 0 || !strings.Contains(said, step.says) {
			t.Errorf("migrate %s ends with %d:\n%s", step.word, code, said)
		}
	}
}

func TestCommands_TheFirstAdminMayComeBeforeTheFirstStart(t *testing.T) {
	_, settings := configured(t)
	settings[0] = "DATABASE_URL=" + devtest.EmptyDatabase(t)
	add := []string{"user", "add", "--email", "ada@example.com", "--name", "Ada", "--role", "admin"}
	p := launchWith(t, strings.NewReader("a long enough password\n"), checkout(t), add, settings...)
	p.wantExit(0)
	again := launchWith(t, strings.NewReader("a long enough password\n"), checkout(t), add, settings...)
	again.wantExit(1)
	again.says("already")

	served := start(t, checkout(t), append(settings, "APP_ENV=production", "LOG_FORMAT=text")...)
	response, err := http.Post(served.URL+"/api/v1/session", "application/json",
		strings.NewReader(`{"email":"ADA@example.com","password":"a long enough password"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if cookie := response.Header.Get("Set-Cookie"); response.StatusCode != 200 ||
		!strings.HasPrefix(cookie, "__Host-session=") || !strings.Contains(strings.ToLower(cookie), "secure") {
		t.Errorf("the admin's sign-in in production is %d with the cookie %q", response.StatusCode, cookie)
	}
}

func TestCommands_OutsideTheCheckoutMakeNoDatabase(t *testing.T) {
	foreign := folder(t)
	write(t, filepath.Join(foreign, "go.mod"), "module example.com/another\n")
	for _, dir := range []string{folder(t), foreign} {
		before, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"serve"}, {"migrate", "status"}} {
			p := launch(t, dir, args)
			code := p.exit()
			if said := p.said(); code != 1 || !strings.Contains(said, "the program's go.mod") || !strings.Contains(said, "set DATABASE_URL") {
				t.Errorf("%v ends with %d:\n%s", args, code, said)
			}
		}
		if after, err := os.ReadDir(dir); err != nil || len(after) != len(before) {
			t.Errorf("%s holds %v, %v", dir, after, err)
		}
	}
	settings := []string{"DATABASE_URL=" + devtest.EmptyDatabase(t)}
	p := launch(t, folder(t), []string{"migrate", "status"}, settings...)
	p.wantExit(0)
	half := launch(t, folder(t), nil, settings...)
	half.wantExit(1)
	half.says("or set REDIS_URL\n")
}

func TestCommands_HealthcheckAsksTheServiceItself(t *testing.T) {
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "" || r.URL.Path != "/health/live" || r.URL.IsAbs() {
			http.Error(w, "no", http.StatusTeapot)
		}
	})}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	elsewhere, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	redirecting := http.Server{Handler: http.RedirectHandler("http://"+listener.Addr().String()+"/health/live", http.StatusFound)}
	go func() { _ = redirecting.Serve(elsewhere) }()
	defer redirecting.Close()

	port := func(l net.Listener) string { return fmt.Sprint("PORT=", l.Addr().(*net.TCPAddr).Port) }
	// In capitals, since Go asks no proxy for localhost and 127.0.0.1.
	for _, host := range []string{"LOCALHOST", "0.0.0.0", "::"} {
		code, said := command(t, []string{"HOST=" + host, port(listener), "HTTP_PROXY=http://127.0.0.1:1", "http_proxy=http://127.0.0.1:1"},
			"healthcheck")
		if code != 0 {
			t.Errorf("on %s it ends with %d:\n%s", host, code, said)
		}
	}
	if code, said := command(t, []string{port(elsewhere)}, "healthcheck"); code != 1 || !strings.Contains(said, "302") {
		t.Errorf("redirected, it ends with %d:\n%s", code, said)
	}
	if code, said := command(t, []string{"PORT=0"}, "healthcheck"); code != 1 || !strings.Contains(said, "PORT is 0") {
		t.Errorf("without a port it ends with %d:\n%s", code, said)
	}
}

func TestCommands_WrongOnesEndWithTwo(t *testing.T) {
	for _, args := range [][]string{
		{"unknown"}, {"serve", "now"}, {"migrate", "sideways"}, {"user"}, {"config", "PORT"}, {"healthcheck", "now"},
	} {
		settings := []string{"DATABASE_URL=postgres://nobody@127.0.0.1:1/none", "START_TIMEOUT=1s"}
		if code, said := command(t, settings, args...); code != 2 {
			t.Errorf("%v ends with %d:\n%s", args, code, said)
		}
	}
	if code, said := command(t, nil, "help"); code != 0 || !strings.Contains(said, "usage: prefab") {
		t.Errorf("help ends with %d:\n%s", code, said)
	}
}

func TestCommands_ChangeUsersAndEndTheirSessionsAtOnce(t *testing.T) {
	_, settings := configured(t)
	const first, second = "a long enough password", "another long password"
	user := func(code int, input string, args ...string) string {
		t.Helper()
		p := launchWith(t, strings.NewReader(input+"\n"), checkout(t), append([]string{"user"}, args...), settings...)
		p.wantExit(code)
		return p.said()
	}
	served := start(t, checkout(t), settings...)
	signIn := func(password string) (status int, cookie string) {
		t.Helper()
		response, err := http.Post(served.URL+"/api/v1/session", "application/json",
			strings.NewReader(`{"email":"ada@example.com","password":"`+password+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		cookie, _, _ = strings.Cut(response.Header.Get("Set-Cookie"), ";")
		return response.StatusCode, cookie
	}
	session := func(cookie string) int {
		t.Helper()
		request, err := http.NewRequest(http.MethodGet, served.URL+"/api/v1/session", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Cookie", cookie)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode
	}
	user(0, first, "add", "--email", "ada@example.com", "--name", "Ada")
	_, cookie := signIn(first)
	if status := session(cookie); status != 200 {
		t.Fatalf("the session is answered by %d", status)
	}
	user(0, second, "password", "--email", "ADA@example.com")
	if status := session(cookie); status != 401 {
		t.Errorf("after a change of the password the session is answered by %d", status)
	}
	if status, _ := signIn(first); status != 401 {
		t.Errorf("the old password signs in: %d", status)
	}
	_, cookie = signIn(second)
	user(0, "", "role", "--email", "ada@example.com", "--role", "admin")
	if said := user(0, "", "list"); !strings.Contains(said, "1   admin  ada@example.com  Ada") {
		t.Errorf("the list is\n%s", said)
	}
	if status := session(cookie); status != 200 {
		t.Errorf("after a change of the role the session is answered by %d", status)
	}
	user(0, "", "remove", "--email", "ada@example.com")
	if status := session(cookie); status != 401 {
		t.Errorf("a removed user's session is answered by %d", status)
	}
	for _, args := range [][]string{
		{"remove", "--email", "ada@example.com"}, {"role", "--email", "", "--role", "admin"}, {"password", "--email", "nobody"},
		{"add", "--email", "b@example.com", "--name", "B", "--role", "x"},
	} {
		user(1, second, args...)
	}
	user(2, "", "list", "--email", "x")
	user(2, "", "forget")
}

func TestCommands_DoctorTellsTheCureAndEndsWithOneForAFailure(t *testing.T) {
	_, settings := configured(t)
	if code, said := command(t, settings, "doctor"); code != 0 || !strings.Contains(said, "Failures: 0") {
		t.Errorf("it ends with %d:\n%s", code, said)
	}
	code, said := command(t, append(settings, "DATABASE_URL=postgres://u:hunter2@127.0.0.1:1/x?sslmode=disable"), "doctor", "--production")
	if code != 1 || !strings.Contains(said, "FAILURE  PostgreSQL") || !strings.Contains(said, "→ ") || strings.Contains(said, "hunter2") {
		t.Errorf("without PostgreSQL it ends with %d:\n%s", code, said)
	}
}
