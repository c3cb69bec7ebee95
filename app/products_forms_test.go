package app_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"example.com/prefab/repositories"
)

const compact = "application/vnd.prefab.compact+json"

// The spec of the answers, which every client checks, knows the short names.
func TestProducts_AreCompactForWhoAsks(t *testing.T) {
	s := start(t)
	if err := repositories.Seed(t.Context(), s.db, repositories.SeedOptions{Products: 100}); err != nil {
		t.Fatal(err)
	}
	ids := productsPath + "?ids=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15"
	for _, path := range []string{productsPath + "?limit=100", ids} {
		plain := s.visitor().get(path).want(http.StatusOK)
		short := s.visitor().get(path, "Accept", compact).want(http.StatusOK)
		if plain.header.Get("Content-Type") != "application/json" || short.header.Get("Content-Type") != compact {
			t.Errorf("%s is %s, and %s in short", path, plain.header.Get("Content-Type"), short.header.Get("Content-Type"))
		}
		if len(short.body) >= len(plain.body) || regexp.MustCompile(`"(items|name|priceCents|category)":`).Match(short.body) {
			t.Errorf("%s has %d bytes, in short %d: %.200s", path, len(plain.body), len(short.body), short.body)
		}
		if again := s.visitor().get(path).want(http.StatusOK); string(again.body) != string(plain.body) {
			t.Error("a client that did not ask gets the short names")
		}
	}
	small := s.visitor().get(productsPath+"?limit=2", "Accept", compact).want(http.StatusOK)
	if small.header.Get("Content-Type") != "application/json" || !strings.Contains(small.header.Get("Vary"), "Accept") {
		t.Errorf("a small page is %v", small.header)
	}
}

func TestSettings_TurnCachingAndCompressionOff(t *testing.T) {
	s := start(t, "HTTP_CACHE_TTL=0s", "COMPRESS_LEVEL=0", "COMPACT_MIN_BYTES=1000000")
	if err := repositories.Seed(t.Context(), s.db, repositories.SeedOptions{Products: 100}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got := s.visitor().get(productsPath+"?limit=100", "Accept-Encoding", "br", "Accept", compact).want(http.StatusOK)
		if got.outcome() == "hit" || got.header.Get("Content-Encoding") != "" || got.header.Get("Content-Type") == compact {
			t.Errorf("the answer is %v", got.header)
		}
	}
}

// What one session reads is nobody else's, and what visitors share is not made of it.
func TestCache_KeepsNothingOfSessions(t *testing.T) {
	s := start(t)
	path, admin := s.product(), s.admin()
	for range 2 {
		if got := admin.get(path).want(http.StatusOK); got.outcome() == "hit" || len(got.cookie) > 0 {
			t.Errorf("a session's read is %q and sets %v", got.cacheStatus(), got.cookie)
		}
	}
	if got := s.visitor().get(path).want(http.StatusOK); got.outcome() != "stored" {
		t.Errorf("a visitor's first read is %q", got.cacheStatus())
	}
	for _, own := range []string{sessionPath, path} {
		if got := admin.get(own).header.Get("Cache-Control"); got != "private, no-store" {
			t.Errorf("%s in a session says Cache-Control: %s", own, got)
		}
	}
	s.visitor().get(sessionPath).problem(http.StatusUnauthorized)
}
