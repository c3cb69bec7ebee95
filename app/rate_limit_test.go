package app_test

import (
	"net/http"
	"strconv"
	"testing"

	"example.com/prefab/app/devservices/devtest"
)

func TestAPILimit_CountsOverAllProcessesAndLeavesPagesAlone(t *testing.T) {
	one, other := two(t, devtest.Database(t), devtest.Redis(t), "API_RATE_LIMIT=3")
	for i, s := range []*service{one, other, one} {
		got := s.visitor().get(sessionPath).want(http.StatusUnauthorized)
		if policy := got.header.Get("RateLimit-Policy"); policy != `"api";q=3;w=60` || got.header.Get("RateLimit") == "" {
			t.Errorf("request %d: RateLimit-Policy: %s", i, policy)
		}
	}
	for _, path := range []string{sessionPath, "/api/v1/nowhere"} {
		got := other.visitor().get(path)
		got.problem(http.StatusTooManyRequests)
		after := got.header.Get("Retry-After")
		if left := got.header.Get("RateLimit"); left != `"api";r=0;t=`+after {
			t.Errorf("%s: RateLimit: %s with Retry-After: %s", path, left, after)
		}
		if n, err := strconv.Atoi(after); err != nil || n < 1 || n > 20 {
			t.Errorf("%s: Retry-After: %s", path, after)
		}
	}
	for _, path := range []string{"/login", "/health", "/openapi.json"} {
		if got := other.visitor().get(path).want(http.StatusOK); got.header.Get("RateLimit") != "" {
			t.Errorf("%s is limited", path)
		}
	}
}

func TestAPILimit_IsOffByDefaultAndCountsNothing(t *testing.T) {
	s := shared(t)
	got := s.visitor().get(sessionPath).want(http.StatusUnauthorized)
	if policy := got.header.Get("RateLimit-Policy"); policy != "" {
		t.Errorf("RateLimit-Policy: %s", policy)
	}
	if keys := s.keys("rate:*"); len(keys) > 0 {
		t.Errorf("Redis has %v", keys)
	}
}

func TestAPILimit_WithoutRedisLetsRequestsPass(t *testing.T) {
	redis := devtest.OwnRedis(t)
	s := startOn(t, devtest.Database(t), redis.URL, "API_RATE_LIMIT=1")
	redis.Stop()
	for range 3 {
		s.visitor().get(sessionPath).want(http.StatusUnauthorized)
	}
}
