package app_test

import (
	"net/http"
	"syscall"
	"testing"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services/problem"
)

// away are the ways in which a server can be lost.
var away = map[string]func(*devtest.Server){
	"stopped": (*devtest.Server).Stop,
	"frozen":  func(server *devtest.Server) { server.Signal(syscall.SIGSTOP) },
}

func TestRedisAway_PublicPagesGoOnAndGuardsFailClosed(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel() // with the other one: both wait most of the time
	for name, lose := range away {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := devtest.OwnRedis(t)
			s := startOn(t, devtest.Database(t), redis.URL, "CACHE_BUDGET=500ms")
			admin := s.admin()
			lose(redis)
			for _, path := range []string{"/login", "/openapi.json", "/health/live"} {
				s.visitor().get(path).want(http.StatusOK)
				admin.get(path).want(http.StatusOK)
			}
			admin.get(sessionPath).problem(http.StatusServiceUnavailable)
			admin.send("DELETE", sessionPath, "").problem(http.StatusServiceUnavailable)
			admin.post("/logout").want(http.StatusServiceUnavailable).shows(problem.ErrUnavailable.Message)
			s.visitor().signIn(admin.user.Email, password).problem(http.StatusServiceUnavailable)
			s.visitor().get(sessionPath).problem(http.StatusUnauthorized)
			wantDown(s, "redis", `{"degraded":["redis"],"status":"ready"}`)

			redis.Start()
			devtest.Eventually(t, "Redis is found again", func() bool { return s.visitor().get("/health").status == http.StatusOK })
			devtest.Eventually(t, "people can sign in again", func() bool {
				return s.visitor().signIn(admin.user.Email, password).status == http.StatusOK
			})
		})
	}
}

func TestPostgresAway_Is503AndNobodysFailureToSignIn(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	for name, lose := range away {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			postgres := devtest.OwnPostgres(t)
			s := startOn(t, postgres.URL, devtest.Redis(t), "REQUEST_TIMEOUT=4s", "SIGN_IN_LIMIT=2", "SIGN_IN_ACCOUNT_LIMIT=2")
			admin := s.admin()
			lose(postgres)
			admin.get(sessionPath).problem(http.StatusServiceUnavailable)
			for range 3 { // more often than one may fail
				s.visitor().signIn(admin.user.Email, password).problem(http.StatusServiceUnavailable)
			}
			s.visitor().get("/health/live").want(http.StatusOK)
			wantDown(s, "database", `{"degraded":["database"],"status":"ready"}`)

			postgres.Start()
			devtest.Eventually(t, "PostgreSQL is found again", func() bool { return s.visitor().get("/health").status == http.StatusOK })
			devtest.Eventually(t, "people can sign in again", func() bool {
				return s.visitor().signIn(admin.user.Email, password).status == http.StatusOK
			})
		})
	}
}

// wantDown wants the health routes to name what is down. They may be a second behind.
func wantDown(s *service, name, ready string) {
	s.t.Helper()
	devtest.Eventually(s.t, name+" is reported as away", func() bool {
		return string(s.visitor().get("/health/ready").want(http.StatusOK).body) == ready
	})
	h := decode[healthReport](s.visitor().get("/health").want(http.StatusServiceUnavailable))
	down := map[string]string{"redis": h.Redis, "database": h.Database}
	if h.Replica != "" {
		down["replica"] = h.Replica
	}
	if h.Status != "error" || down[name] != "error" {
		s.t.Errorf("/health says %+v", h)
	}
	for other, state := range down {
		if other != name && state != "ok" {
			s.t.Errorf("/health says that %s is down too", other)
		}
	}
}

func TestStart_AnswersProbesAndLittleElse(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	postgres := devtest.OwnPostgres(t)
	postgres.Signal(syscall.SIGSTOP)
	s := launchOn(t, postgres.URL, devtest.Redis(t))
	s.visitor().get("/health/live").want(http.StatusOK)
	if got := s.visitor().get("/health/ready").want(http.StatusServiceUnavailable); string(got.body) != `{"status":"starting"}` {
		t.Errorf("readiness says %s", got.body)
	}
	s.visitor().get(sessionPath).problem(http.StatusServiceUnavailable)
	page := s.visitor().page("/login").want(http.StatusServiceUnavailable).shows(problem.ErrUnavailable.Message)
	s.visitor().get(style.FindString(string(page.body))).want(http.StatusOK)

	postgres.Start()
	devtest.Eventually(t, "the service is ready", func() bool { return s.visitor().get("/health/ready").status == http.StatusOK })
	s.visitor().get("/login").want(http.StatusOK)
}
