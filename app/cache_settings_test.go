package app_test

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app"
	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/repositories/seed"
	"example.com/prefab/services/health"
)

// pastPages is the header of a visitor's request that no finished page answers.
var pastPages = []string{"Authorization", "x"}

// packed asks for what the length of tells how hard the service compresses.
var packed = []string{"Accept-Encoding", "gzip"}

func (s *service) catalogue(products int) {
	s.t.Helper()
	if err := seed.Catalogue(s.t.Context(), s.db, seed.Options{Products: products}); err != nil {
		s.t.Fatal(err)
	}
}

// usesRedis waits until what the service reads is kept in Redis: a machine that is
// busy may make it look slow at first, and then the service does without it.
func (s *service) usesRedis() {
	s.t.Helper()
	eventually(s.t, "the cache uses Redis", func() bool {
		s.visitor().get(productsPath + "/12345").problem(http.StatusNotFound)
		return len(s.keys("prefab:cache:{product:12345}:e:product:*")) == 1
	})
}

func TestSettings_HowLongRedisKeepsWhat(t *testing.T) {
	s := start(t, "CACHE_TTL=2h", "CACHE_GRACE=3h", "CACHE_ABSENT_TTL=40m", "HTTP_CACHE_TTL=20m")
	s.usesRedis()
	// Nothing is there yet, so that the first list and count are empty.
	s.visitor().get(productsPath).want(http.StatusOK)
	s.visitor().get(productsPath + "/count").want(http.StatusOK)
	s.visitor().get(productsPath + "/999").problem(http.StatusNotFound)
	s.visitor().get(s.product()).want(http.StatusOK)
	for pattern, most := range map[string]time.Duration{
		"product:1":        5 * time.Hour, // the grace included
		"product:999":      40 * time.Minute,
		"products:list:*":  40 * time.Minute,
		"products:count:*": 40 * time.Minute,
		"page:*":           20 * time.Minute,
	} {
		var left time.Duration
		for _, key := range s.keys("prefab:cache:{*}:e:" + pattern) {
			left = max(left, s.redis.PTTL(t.Context(), key).Val())
		}
		if left > most || left < most*17/20 { // up to a tenth is taken off, so that not all end at once
			t.Errorf("%s is kept for %v, want %v", pattern, left, most)
		}
	}
}

// Nobody tells the process of the change: it has to ask.
func TestSettings_HowLongMemoryIsBelieved(t *testing.T) {
	s := start(t, "CACHE_L1_TTL=1s", "HTTP_CACHE_TTL=1h")
	s.usesRedis()
	for what, header := range map[string][]string{"page": nil, "value": pastPages} {
		path := s.product()
		s.visitor().price(path, header...)
		s.changeElsewhere(path, 4711)
		eventually(t, "the "+what+" in memory is not believed any more", func() bool {
			return s.visitor().price(path, header...) == 4711
		})
	}
}

func TestSettings_HowMuchMemoryHolds(t *testing.T) {
	const n, length = 30, 5000 // products, and bytes of each one's description
	for _, test := range []struct {
		setting     string
		least, most int // pages in memory
	}{
		{"CACHE_L1_TTL=1m", n, n},
		{"CACHE_L1_MAX_ITEMS=3", 0, 3},
		{"CACHE_L1_MAX_BYTES=65536", 0, 65536 / length},
	} {
		t.Run(test.setting, func(t *testing.T) {
			s := start(t, test.setting, "HTTP_CACHE_TTL=1h")
			ids := s.products(s.category("Lamps"), n)
			s.exec("UPDATE products SET description = repeat('x', $1)", length)
			eventually(t, test.setting+" is what memory holds, and Redis the others", func() bool {
				where := make(map[string]int)
				for _, id := range ids {
					got := s.visitor().get(fmt.Sprintf("%s/%d", productsPath, id)).want(http.StatusOK)
					_, level, _ := strings.Cut(got.cacheStatus(), "detail=")
					where[level]++
				}
				return where["memory"] >= test.least && where["memory"] <= test.most && where["memory"]+where["redis"] == n
			})
		})
	}
}

func TestSettings_WhatIsTooLongToKeep(t *testing.T) {
	s := start(t, "CACHE_VALUE_LIMIT=2048")
	s.catalogue(100)
	s.usesRedis()
	short, long := productsPath+"?limit=2", productsPath+"?limit=100"
	for range 2 {
		s.visitor().get(long).want(http.StatusOK).queries(1)
		s.visitor().get(short).want(http.StatusOK)
	}
	s.visitor().get(short, pastPages...).want(http.StatusOK).queries(0)
	if got := s.visitor().get(short).want(http.StatusOK); got.outcome() != "hit" {
		t.Errorf("the short list is %q", got.cacheStatus())
	}
	if kept := s.keys("prefab:cache:{*}:e:products:list:*"); len(kept) != 1 {
		t.Errorf("Redis holds %v", kept)
	}
}

func TestSettings_HowLongARequestWaitsForRedis(t *testing.T) {
	redis := devtest.OwnRedis(t)
	a, b := two(t, devtest.Database(t), redis.URL, "CACHE_BUDGET=10s")
	trusting(t, a, b)
	path := a.product()
	a.visitor().price(path)
	// Longer than the default budget, and less than the client waits for an answer.
	if err := a.redis.ClientPause(t.Context(), 300*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	b.visitor().get(path, pastPages...).want(http.StatusOK).queries(0)
}

func TestSettings_WhatIsWorthCompressing(t *testing.T) {
	database, path := devtest.Database(t), productsPath+"?limit=100"
	s := startOn(t, database, redisOf(t))
	s.catalogue(100)
	length := len(s.visitor().get(path).want(http.StatusOK).body)
	for least, want := range map[int]string{length: "gzip", length + 1: ""} {
		s := startOn(t, database, redisOf(t), fmt.Sprintf("COMPRESS_MIN_BYTES=%d", least))
		for range 2 { // made, and from the cache
			got := s.visitor().get(path, packed...).want(http.StatusOK)
			if got.header.Get("Content-Encoding") != want {
				t.Errorf("%d bytes, of which %d are worth it, are encoded by %q", length, least, got.header.Get("Content-Encoding"))
			}
		}
	}
}

func TestSettings_HowHardToCompress(t *testing.T) {
	database, lengths := devtest.Database(t), make(map[int]int)
	startOn(t, database, redisOf(t)).catalogue(100)
	for _, level := range []int{1, 6, 9} {
		s := startOn(t, database, redisOf(t), fmt.Sprintf("COMPRESS_LEVEL=%d", level))
		lengths[level] = len(s.visitor().get(productsPath+"?limit=100", packed...).want(http.StatusOK).body)
	}
	if lengths[1] <= lengths[6] || lengths[6] <= lengths[9] {
		t.Errorf("by levels, the page has these bytes: %v", lengths)
	}
}

// A hit must not cost a compression: the page is kept as it is sent.
func TestCache_KeepsAPageInTheEncodingOfItsClients(t *testing.T) {
	s := start(t)
	s.catalogue(100)
	s.usesRedis()
	const path = productsPath + "?limit=100"
	kept := func() (bytes int64) {
		for _, key := range s.keys("prefab:cache:{*}:e:page:*") {
			bytes += s.redis.StrLen(t.Context(), key).Val()
		}
		return bytes
	}
	plain := s.visitor().get(path).want(http.StatusOK)
	before := kept()
	small := s.visitor().get(path, packed...).want(http.StatusOK)
	if more := kept() - before; more >= int64(len(plain.body)) {
		t.Errorf("a page of %d bytes, as gzip %d, is kept for clients of gzip as %d", len(plain.body), len(small.body), more)
	}
	for _, pair := range [][2]answer{
		{plain, s.visitor().get(path)},
		{small, s.visitor().get(path, packed...)},
	} {
		want, got := pair[0], pair[1]
		if got.outcome() != "hit" || string(got.body) != string(want.body) ||
			got.header.Get("Content-Encoding") != want.header.Get("Content-Encoding") || got.header.Get("ETag") != want.header.Get("ETag") {
			t.Errorf("a hit of %d bytes with %v, want %d with %v", len(got.body), got.header, len(want.body), want.header)
		}
	}
}

// Without a database, handlers panic in the midst of a load that others wait for.
func TestPanic_BehindTheCacheIsAnsweredLoggedAndForgotten(t *testing.T) {
	cfg, err := load(t, "LOG_FORMAT=json")
	if err != nil {
		t.Fatal(err)
	}
	log, client := new(logged), openRedis(t, redisOf(t))
	values := cache.New(cache.Options{
		Client: client, Prefix: "prefab:cache:", MemoryTTL: cfg.CacheL1TTL, MaxItems: cfg.CacheL1MaxItems,
		MaxBytes: cfg.CacheL1MaxBytes, ValueLimit: cfg.CacheValueLimit, Budget: cfg.CacheBudget,
	})
	values.Start(t.Context())
	t.Cleanup(values.Close)
	life := health.New()
	life.Enter(health.Ready)
	server := app.Wire(cfg, new(sqlx.DB), client, values, life, app.NewLogger(cfg, log))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Listener(listener) }()
	t.Cleanup(func() {
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	s := &service{t: t, url: "http://" + listener.Addr().String(), redis: client, log: log, transport: new(http.Transport)}
	t.Cleanup(s.transport.CloseIdleConnections)

	for range 2 {
		for _, path := range []string{productsPath, productsPath + "/count", productsPath + "/1", productsPath + "?ids=1"} {
			got := s.visitor().get(path)
			if detail := got.problem(http.StatusInternalServerError).Detail; detail != "Something went wrong." {
				t.Errorf("%s tells %q", path, detail)
			}
			if got.outcome() == "hit" || got.header.Get("Content-Security-Policy") == "" ||
				got.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s has the header %v", path, got.header)
			}
			id, causes := got.header.Get("X-Request-Id"), 0
			for _, line := range log.lines(t) {
				if line["request_id"] == id && strings.Contains(fmt.Sprint(line["error"]), "panic: ") {
					causes++
				}
			}
			if line := log.access(t, id); line["status"] != 500.0 || causes != 1 {
				t.Errorf("%s: the access log says %v, and %d lines why", path, line, causes)
			}
		}
	}
	if kept := s.keys("prefab:cache:{*}:e:*"); len(kept) > 0 { // nor a lease, for whose end the next ones would wait
		t.Errorf("Redis holds %v", kept)
	}
}

func TestSettings_WithoutACacheRedisIsAskedForWaitingStockAlone(t *testing.T) {
	const reads = 60
	redis := devtest.OwnRedis(t)
	s := startOn(t, devtest.Database(t), redis.URL, "CACHE_TTL=0", "HTTP_CACHE_TTL=0", seldom)
	admin, path := s.admin(), s.product()
	admin.setStock(path, 7).want(http.StatusAccepted)
	for route, hmgets := range map[string]int{path: reads, productsPath: 0, productsPath + "/count": 0} {
		before := s.commands()
		for range reads {
			s.visitor().get(route, pastPages...).want(http.StatusOK).queries(1)
		}
		for name, calls := range s.commands() {
			// The process itself asks once in a while how Redis is, and pings the feed.
			if calls -= before[name]; name == "hmget" && calls != hmgets || name != "hmget" && name != "ping" && calls > reads/2 {
				t.Errorf("%d times %s cost %d times %s", reads, route, calls, name)
			}
		}
	}
	if got := s.visitor().stock(path, pastPages...); got != 7 || s.storedStock(path) != -1 {
		t.Errorf("the waiting stock is %d, and what is stored %d", got, s.storedStock(path))
	}
}

// commands is how often Redis was given each command.
func (s *service) commands() map[string]int {
	s.t.Helper()
	calls := make(map[string]int)
	for line := range strings.Lines(s.redis.Info(s.t.Context(), "commandstats").Val()) {
		name, numbers, _ := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		number, _, _ := strings.Cut(numbers, ",")
		calls[name], _ = strconv.Atoi(number)
	}
	return calls
}

func TestSettings_WithoutValuesPagesAreStillInvalidated(t *testing.T) {
	s := start(t, "CACHE_TTL=0", "HTTP_CACHE_TTL=1h")
	admin, path := s.admin(), s.product()
	eventually(t, "the page is kept", func() bool { return s.visitor().get(path).outcome() == "hit" })
	admin.send("PATCH", path, `{"priceCents":4711}`).want(http.StatusOK)
	if got := s.visitor().price(path); got != 4711 {
		t.Errorf("the page has the price %d", got)
	}
	admin.send("DELETE", path, "").want(http.StatusNoContent)
	s.visitor().get(path).problem(http.StatusNotFound)
}
