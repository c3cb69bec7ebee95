package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
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

// two runs two instances of the program on the same servers.
func two(t *testing.T, databaseURL, redisURL string, settings ...string) (a, b *service) {
	t.Helper()
	a = startOn(t, databaseURL, redisURL, settings...)
	b = startOn(t, databaseURL, redisURL, settings...)
	return a, b
}

// at returns the client's browser, pointed at another instance: cookies do not
// know of ports.
func (c *client) at(s *service) *client { return &client{s: s, http: c.http} }

func TestMain(m *testing.M) {
	code := devtest.Run(m, repositories.Migrations)
	if chromium.stop != nil {
		chromium.stop()
	}
	os.Exit(code)
}

// service is the whole program, running in this process on servers of the test's
// own. At the end of the test it must have stopped without an error, and logged
// neither a fault nor a secret.
type service struct {
	t     *testing.T
	url   string
	db    *sqlx.DB // for rows that no route makes
	redis redis.UniversalClient

	exports *sqlx.DB // the server that they run on
	log     *logged
	stop    func() // drains and waits; once

	transport      *http.Transport
	faultsExpected bool // logging at the level ERROR is what the test is about
	cutExpected    bool // so is what does not drain in time
}

// start runs the program with these settings, NAME=value, and empty tables.
func start(t *testing.T, settings ...string) *service {
	t.Helper()
	return startOn(t, devtest.Database(t), redisOf(t), settings...)
}

func startOn(t *testing.T, databaseURL, redisURL string, settings ...string) *service {
	t.Helper()
	s := launchOn(t, databaseURL, redisURL, settings...)
	devtest.Eventually(t, "the service is ready", func() bool { return s.visitor().get("/health/ready").status == http.StatusOK })
	return s
}

// launchOn does not wait until the service has started.
func launchOn(t *testing.T, databaseURL, redisURL string, settings ...string) *service {
	t.Helper()
	environ := append(through(t, databaseURL), "REDIS_URL="+redisURL, "LOG_FORMAT=json")
	environ = append(environ, settings...)
	cfg, err := load(t, environ...)
	if err != nil {
		t.Fatal(err)
	}
	s := &service{
		t: t, log: new(logged), db: openDB(t, databaseURL), redis: devtest.RedisClient(t, redisURL),
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
		if err := <-served; (err != nil) != s.cutExpected {
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

// user adds a user who can sign in.
func (s *service) user(name string, role services.Role) services.User {
	s.t.Helper()
	users := services.NewUsers(repositories.NewUsers(s.db), nil, passwords.NewHasher(1))
	user, err := users.Add(s.t.Context(), services.User{Email: name + emailDomain, Name: name, Role: role}, password)
	if err != nil {
		s.t.Fatal(err)
	}
	return user
}

// signedIn adds a user and returns a client who has signed in as that user.
func (s *service) signedIn(name string, role services.Role) *client {
	s.t.Helper()
	user := s.user(name, role)
	c := s.visitor()
	c.signIn(user.Email, password).want(http.StatusOK)
	return c
}

func (s *service) admin() *client { s.t.Helper(); return s.signedIn("ada", services.Admin) }

func (s *service) member() *client { s.t.Helper(); return s.signedIn("max", services.Member) }

// keys lists what the service has stored in Redis.
func (s *service) keys(pattern string) []string {
	s.t.Helper()
	ctx := context.Background()
	var keys []string
	var mu sync.Mutex
	list := func(ctx context.Context, node redis.Cmdable) error {
		found, err := node.Keys(ctx, pattern).Result()
		mu.Lock()
		defer mu.Unlock()
		keys = append(keys, found...)
		return err
	}
	var err error
	if cluster, ok := s.redis.(*redis.ClusterClient); ok {
		err = cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return list(ctx, node) })
	} else {
		err = list(ctx, s.redis)
	}
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
		if line["level"] == "ERROR" && !s.faultsExpected {
			s.t.Errorf("the log tells of a fault: %v", line)
		}
	}
}

// logged is what the service has logged so far.
type logged struct {
	mu      sync.Mutex
	text    bytes.Buffer
	flushes []func()
}

// Flushes takes what writes the lines that a logger holds.
func (l *logged) Flushes(flush func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flushes = append(l.flushes, flush)
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) lines(t *testing.T) []map[string]any {
	t.Helper()
	l.mu.Lock()
	flushes := l.flushes
	l.mu.Unlock()
	for _, flush := range flushes {
		flush()
	}
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
func (l *logged) access(t *testing.T, requestID string) map[string]any {
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
