package app_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/app"
	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services"
	"example.com/prefab/services/passwords"
)

func TestMain(m *testing.M) { devtest.Main(m, repositories.Migrations) }

// service is the whole program, running in this process. During a test it must log neither
// an error nor a secret, and one that the test has started must stop without an error.
type service struct {
	t     testing.TB
	url   string
	db    *sqlx.DB // for rows that no route makes
	redis redis.UniversalClient

	exports *sqlx.DB // the server that they run on
	log     *logged
	stop    func() // drains and waits; once

	transport    *http.Transport
	cutsRequests bool // some requests are not finished when it stops
}

// theService is the service that tests share.
var theService struct {
	sync.Once
	*service
}

// shared returns the service that all tests share, started at the first call. Other
// tests' rows are in its tables: make products and users of your own, and a test that
// looks at everything, or needs settings, takes start.
func shared(t *testing.T) *service {
	t.Helper()
	theService.Do(func() {
		theService.service = startOn(wholeRun{t}, devtest.Database(wholeRun{t}), devtest.Redis(wholeRun{t}),
			"LOG_LEVEL=debug",
			"SIGN_IN_LIMIT=1000000", "SIGN_IN_ACCOUNT_LIMIT=1000000", "SIGN_IN_ADDRESS_LIMIT=1000000")
	})
	if theService.service == nil {
		t.Fatal("the shared service has not started")
	}
	s := *theService.service
	s.t, s.log = t, s.log.fromNow()
	t.Cleanup(s.checkLog)
	return &s
}

// wholeRun stands for the run of all tests, whose servers devtest stops at its end.
type wholeRun struct{ testing.TB }

func (wholeRun) Cleanup(func())           {}
func (wholeRun) Context() context.Context { return context.Background() }

// start runs the program with these settings, NAME=value, and empty tables.
func start(t *testing.T, settings ...string) *service {
	t.Helper()
	return startOn(t, devtest.Database(t), devtest.Redis(t), settings...)
}

func startOn(t testing.TB, databaseURL, redisURL string, settings ...string) *service {
	t.Helper()
	s := launchOn(t, databaseURL, redisURL, settings...)
	devtest.Eventually(t, "the service is ready", func() bool { return s.visitor().get("/health/ready").status == http.StatusOK })
	return s
}

// two runs two instances of the program on the same servers.
func two(t *testing.T, databaseURL, redisURL string, settings ...string) (a, b *service) {
	t.Helper()
	return startOn(t, databaseURL, redisURL, settings...), startOn(t, databaseURL, redisURL, settings...)
}

// launchOn does not wait until the service has started.
func launchOn(t testing.TB, databaseURL, redisURL string, settings ...string) *service {
	t.Helper()
	environ := append([]string{
		"DATABASE_URL=" + databaseURL, "REDIS_URL=" + redisURL, "LOG_FORMAT=json",
		"CACHE_BUDGET=5s", "HTTP_CACHE_TTL=1h", // Redis is used and answers stay stored, however slow the machine
	}, settings...)
	cfg, err := load(t, environ...)
	if err != nil {
		t.Fatal(err)
	}
	s := &service{
		t: t, log: &logged{journal: new(journal)}, db: openDB(t, databaseURL), redis: devtest.RedisClient(t, redisURL),
		transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 32},
	}
	s.exports = s.db
	if cfg.DatabaseReplicaURL != "" {
		s.exports = openDB(t, string(cfg.DatabaseReplicaURL))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + listener.Addr().String()

	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- app.Serve(ctx, cfg, listener, app.NewLogger(cfg, s.log)) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-served; (err != nil) != s.cutsRequests {
			t.Errorf("the service stopped with %v", err)
		}
	})
	t.Cleanup(func() {
		s.transport.CloseIdleConnections()
		s.stop()
		s.checkLog()
	})
	return s
}

func openDB(t testing.TB, url string) *sqlx.DB {
	t.Helper()
	db, err := postgres.Open(postgres.Options{URL: url, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// exec runs SQL beside the service.
func (s *service) exec(query string, args ...any) {
	s.t.Helper()
	if _, err := s.db.ExecContext(s.t.Context(), query, args...); err != nil {
		s.t.Fatal(err)
	}
}

// ids returns what an SQL query of ids gives.
func (s *service) ids(query string, args ...any) []int64 {
	s.t.Helper()
	var ids []int64
	if err := s.db.SelectContext(s.t.Context(), &ids, query, args...); err != nil {
		s.t.Fatal(err)
	}
	return ids
}

// Every test's users have this password; their addresses end like this.
const (
	password    = "correct horse battery staple"
	emailDomain = "@people.example"
)

// passwordHash is of password, made once: that takes long.
var passwordHash = sync.OnceValues(func() (string, error) { return passwords.NewHasher(1).Hash(context.Background(), password) })

// user adds a user who can sign in, with an address that no other has.
func (s *service) user(name string, role services.Role) services.User {
	s.t.Helper()
	hash, err := passwordHash()
	if err != nil {
		s.t.Fatal(err)
	}
	user := services.User{Email: name + "." + strings.ToLower(rand.Text()) + emailDomain, Name: name, Role: role}
	user.ID = s.ids("INSERT INTO users (email, name, role, password_hash) VALUES ($1, $2, $3, $4) RETURNING id",
		user.Email, name, role, hash)[0]
	return user
}

// signedIn adds a user and returns a client who has signed in as that user.
func (s *service) signedIn(name string, role services.Role) *client {
	s.t.Helper()
	c := s.visitor()
	c.user = s.user(name, role)
	devtest.Eventually(s.t, c.user.Email+" signs in", func() bool { // a busy machine may hash for longer than a request may take
		return c.signIn(c.user.Email, password).status == http.StatusOK
	})
	return c
}

func (s *service) admin() *client { s.t.Helper(); return s.signedIn("ada", services.Admin) }

func (s *service) member() *client { s.t.Helper(); return s.signedIn("max", services.Member) }

// keys lists what the service has stored in Redis.
func (s *service) keys(pattern string) []string {
	s.t.Helper()
	keys, err := s.redis.Keys(s.t.Context(), pattern).Result()
	if err != nil {
		s.t.Fatal(err)
	}
	return keys
}

func (s *service) checkLog() {
	s.t.Helper()
	text := s.log.String()
	for _, secret := range []string{password, emailDomain, "argon2id"} {
		if strings.Contains(text, secret) {
			s.t.Errorf("the log tells %q", secret)
		}
	}
	for _, line := range s.log.lines(s.t) {
		if line["level"] == "ERROR" {
			s.t.Errorf("the log has the error %v", line)
		}
	}
}

// logged is what the service has logged since a moment.
type logged struct {
	*journal
	begin int
}

type journal struct {
	mu    sync.Mutex
	text  bytes.Buffer
	flush func()
}

// Flushes is given what writes the lines that the logger holds.
func (j *journal) Flushes(flush func()) { j.flush = flush }

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (l *logged) String() string {
	if l.flush != nil {
		l.flush()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()[l.begin:]
}

func (l *logged) fromNow() *logged { return &logged{l.journal, l.begin + len(l.String())} }

func (l *logged) lines(t testing.TB) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for text := range strings.Lines(l.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("the log has a line that is not JSON: %s", text)
		}
		lines = append(lines, line)
	}
	return lines
}

// access is the access log's line of a request.
func (l *logged) access(t testing.TB, requestID string) map[string]any {
	t.Helper()
	var found map[string]any
	devtest.Eventually(t, "the log has a line of the request "+requestID, func() bool {
		for _, line := range l.lines(t) {
			if (line["msg"] == "request" || line["msg"] == "slow request") && line["request_id"] == requestID {
				found = line
			}
		}
		return found != nil
	})
	return found
}
