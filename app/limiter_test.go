package app_test

import (
	"fmt"
	"net/http"
	"testing"
)

// Who may be counted as which address is shown in middleware/request and repositories.
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
