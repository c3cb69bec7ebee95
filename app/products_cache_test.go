package app_test

import (
	"fmt"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services"
)

// at returns the client's browser, pointed at another instance: cookies do not
// know of ports.
func (c *client) at(s *service) *client { return &client{s: s, http: c.http} }

// usesRedis waits until what the service reads is kept in Redis: a machine that is
// busy may make it look slow at first, and then the service does without it.
func (s *service) usesRedis() {
	s.t.Helper()
	devtest.Eventually(s.t, "the cache uses Redis", func() bool {
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
		"products:count:*": 40 * time.Minute,
		"product:999":      40 * time.Minute,
		"products:list:*":  40 * time.Minute,
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

func TestSettings_TurnCachingAndCompressionOff(t *testing.T) {
	s := start(t, "HTTP_CACHE_TTL=0s", "COMPRESS_LEVEL=0", "COMPACT_MIN_BYTES=1000000")
	s.products(s.newCategory(), 100)
	for range 2 {
		got := s.visitor().get(productsPath+"?limit=100", "Accept-Encoding", "br", "Accept", compact).want(http.StatusOK)
		if got.outcome() == "hit" || got.header.Get("Content-Encoding") != "" || got.header.Get("Content-Type") == compact {
			t.Errorf("the answer is %v", got.header)
		}
	}
}

const compact = "application/vnd.prefab.compact+json"

// The document, by which every client checks its answers, has the short names.
func TestProducts_AreCompactForWhoAsks(t *testing.T) {
	s := shared(t)
	category := s.newCategory()
	s.products(category, 100)
	path := fmt.Sprintf("%s?limit=100&category=%d", productsPath, category)
	for _, short := range []bool{false, true, false} {
		header := map[bool][]string{true: {"Accept", compact}}[short]
		got := s.visitor().get(path, header...).want(http.StatusOK)
		if (got.header.Get("Content-Type") == compact) != short || strings.Contains(string(got.body), "priceCents") == short {
			t.Errorf("in short, %t, it is %s: %.200s", short, got.header.Get("Content-Type"), got.body)
		}
	}
}

func TestSettings_WithoutValuesPagesAreStillInvalidated(t *testing.T) {
	s := start(t, "CACHE_TTL=0", "HTTP_CACHE_TTL=1h")
	admin, path := s.admin(), s.product()
	devtest.Eventually(t, "the page is kept", func() bool { return s.visitor().get(path).outcome() == "hit" })
	admin.send("PATCH", path, `{"priceCents":4711}`).want(http.StatusOK)
	if got := s.visitor().price(path); got != 4711 {
		t.Errorf("the page has the price %d", got)
	}
	admin.send("DELETE", path, "").want(http.StatusNoContent)
	s.visitor().get(path).problem(http.StatusNotFound)
}

func (c *client) price(path string, header ...string) int64 {
	c.s.t.Helper()
	return decode[services.Product](c.get(path, header...).want(http.StatusOK)).PriceCents
}

func TestTwoInstances_FollowEachOthersWrites(t *testing.T) {
	a, b := two(t, devtest.Database(t), devtest.Redis(t))
	admin, category := a.admin(), a.newCategory()
	created := admin.send("POST", productsPath, fmt.Sprintf(`{"name":"New","priceCents":7,"categoryId":%d}`, category)).want(http.StatusCreated)
	path := created.header.Get("Location")
	count := func() string { return string(b.visitor().get(productsPath + "/count").want(http.StatusOK).body) }
	first := func() services.ProductSummary {
		return decode[productPage](b.visitor().get(productsPath).want(http.StatusOK)).Items[0]
	}
	for n := range int64(6) {
		// They are held by b in memory, in the HTTP cache too.
		b.visitor().price(path)
		first()
		count()
		admin.send("PATCH", path, fmt.Sprintf(`{"priceCents":%d}`, n)).want(http.StatusOK)
		admin.setStock(path, n).want(http.StatusAccepted)
		for name, reader := range map[string]*client{"its session at the other instance": admin.at(b), "a visitor of its own": a.visitor()} {
			if p := decode[services.Product](reader.get(path)); p.PriceCents != n || p.Stock != n {
				t.Errorf("write %d: %s reads %+v", n, name, p)
			}
		}
		devtest.Eventually(t, "the other instance gives the new price and stock", func() bool {
			p := decode[services.Product](b.visitor().get(path))
			return p.PriceCents == n && p.Stock == n && first().PriceCents == n
		})
	}
	if count() != `{"active":1}` {
		t.Errorf("the count is %s", count())
	}
	admin.send("DELETE", path, "").want(http.StatusNoContent)
	devtest.Eventually(t, "the deleted product is gone", func() bool {
		return count() == `{"active":0}` && b.visitor().get(path).status == http.StatusNotFound &&
			string(b.visitor().get(productsPath).body) == `{"items":[]}`
	})
}

// An edit of what lists do not show leaves the lists where they are.
func TestUpdate_InvalidatesWhatItChangesAndNoMore(t *testing.T) {
	s := shared(t)
	admin, path := s.admin(), s.product()
	warm := func() (list, count answer) {
		return s.visitor().get(productsPath), s.visitor().get(productsPath + "/count")
	}
	warm()
	admin.send("PATCH", path, `{"description":"Dim."}`).want(http.StatusOK)
	if list, count := warm(); list.outcome() != "hit" || count.outcome() != "hit" {
		t.Errorf("a new description: the list is %q, the count %q", list.cacheStatus(), count.cacheStatus())
	}
	admin.send("PATCH", path, `{"priceCents":5}`).want(http.StatusOK)
	if list, count := warm(); list.outcome() == "hit" || count.outcome() != "hit" {
		t.Errorf("a new price: the list is %q, the count %q", list.cacheStatus(), count.cacheStatus())
	}
}

// sameHost is what clients of all instances ask for behind a balancer; a page is
// of one host. It is for visitors: a browser's cookies are of another host.
var sameHost = []string{"Host", "shop.example"}

// changeElsewhere changes a product's price as another instance does whose news
// has not come yet.
func (s *service) changeElsewhere(productPath string, price int64) {
	s.t.Helper()
	id := path.Base(productPath)
	s.exec("UPDATE products SET price_cents = $1 WHERE id = $2", price, id)
	if n := s.redis.Del(s.t.Context(), "prefab:cache:{product:"+id+"}:g").Val(); n != 1 {
		s.t.Fatal("the product was not cached")
	}
}

func TestRecentWrite_ItsSessionReadsPastTheProcessMemory(t *testing.T) {
	s := shared(t)
	shown, other := s.product(), s.product()
	member := s.member()
	old := s.visitor().price(shown)
	s.changeElsewhere(shown, 4711)
	if got := s.visitor().price(shown); got != old {
		t.Fatalf("a visitor reads %d: the test shows nothing", got)
	}
	if got := member.price(shown); got != old {
		t.Errorf("a session that has not written reads %d, past memory", got)
	}
	member.send("POST", other+"/reviews", `{"rating":4,"body":"Good."}`).want(http.StatusCreated)
	if got := member.price(shown); got != 4711 {
		t.Errorf("after a write the session reads %d, want 4711", got)
	}
}
