package app_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"example.com/prefab/services"
)

func TestSignInLimit_PerAccount(t *testing.T) {
	s := start(t, "SIGN_IN_LIMIT=100", "SIGN_IN_ACCOUNT_LIMIT=3", "SIGN_IN_WINDOW=10m")
	s.user("max", services.Member)
	s.user("eve", services.Member)
	for range 3 {
		s.visitor().signIn("max"+emailDomain, "wrong").problem(http.StatusUnauthorized)
	}
	for _, email := range []string{"max" + emailDomain, " MAX" + emailDomain} {
		blocked := s.visitor().signIn(email, password)
		blocked.problem(http.StatusTooManyRequests)
		if wait, err := strconv.Atoi(blocked.header.Get("Retry-After")); err != nil || wait < 1 || wait > 600 {
			t.Errorf("Retry-After is %q, want seconds within the window", blocked.header.Get("Retry-After"))
		}
	}
	s.visitor().signIn("eve"+emailDomain, password).want(http.StatusOK)

	// Accounts that do not exist are limited alike, or the limit would tell.
	for range 3 {
		s.visitor().signIn("nobody"+emailDomain, "wrong").problem(http.StatusUnauthorized)
	}
	s.visitor().signIn("nobody"+emailDomain, "wrong").problem(http.StatusTooManyRequests)
}

func TestSignInLimit_PerAddressWhateverTheClientClaims(t *testing.T) {
	s := start(t, "SIGN_IN_ADDRESS_LIMIT=4", "SIGN_IN_LIMIT=100")
	for i := range 6 {
		claim := fmt.Sprintf("203.0.113.%d", i)
		got := s.visitor().signIn(fmt.Sprintf("user%d", i)+emailDomain, "wrong",
			"X-Forwarded-For", claim, "X-Real-Ip", claim, "Forwarded", "for="+claim, "CF-Connecting-IP", claim)
		want := http.StatusUnauthorized
		if i >= 4 {
			want = http.StatusTooManyRequests
		}
		got.problem(want)
	}
	// A blocked address must not lock other people's accounts: of the first four
	// there is a count of the account, and one of the account from here.
	if keys := s.keys("prefab:sign-in:account:*"); len(keys) != 8 {
		t.Errorf("%d counts of accounts, want those of the first four", len(keys))
	}
}

func TestSignInLimit_BehindATrustedProxyCountsItsClients(t *testing.T) {
	s := start(t, "SIGN_IN_ADDRESS_LIMIT=2", "SIGN_IN_LIMIT=100", "TRUSTED_PROXIES=127.0.0.1, 10.0.0.0/8")
	attempt := func(forwarded string) int {
		return s.visitor().signIn("max"+emailDomain, "wrong", "X-Forwarded-For", forwarded).status
	}
	for _, test := range []struct {
		name, forwarded string
		want            int
	}{
		{"one client", "203.0.113.1", 401},
		{"again", "203.0.113.1", 401},
		{"once too often", "203.0.113.1", 429},
		{"another client", "203.0.113.2", 401},
		{"the first with a made-up hop", "198.51.100.9, 203.0.113.1", 429},
		{"the first with a made-up proxy", "10.9.9.9, 203.0.113.1", 429},
		{"the first through an inner proxy", "203.0.113.1, 10.0.0.5", 429},
		{"an IPv6 subscriber", "2001:db8:1:2::1", 401},
		{"the subscriber's other address", "2001:db8:1:2:ffff::7", 401},
		{"and one more", "2001:db8:1:2::3", 429},
		{"the subscriber's neighbour", "2001:db8:1:3::1", 401},
	} {
		if got := attempt(test.forwarded); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}
