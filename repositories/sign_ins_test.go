package repositories_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
)

var (
	somewhere = netip.MustParseAddr("192.0.2.1")
	low       = repositories.SignInLimit{PerAccountAndAddress: 2, PerAccount: 3, PerAddress: 4, Window: time.Minute}
)

func attempt(t *testing.T, s *repositories.SignIns, account string, address netip.Addr) (waits bool) {
	t.Helper()
	wait, err := s.Attempt(t.Context(), account, address)
	if err != nil {
		t.Fatal(err)
	}
	return wait > 0
}

// Each step continues the attempts of those before it.
func TestSignIns_Limits(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := repositories.NewSignIns(devtest.RedisClient(t, devtest.Redis(t)), "sign-in", low, registry)
	elsewhere := somewhere.Next()
	for _, step := range []struct {
		account string
		address netip.Addr
		waits   bool
	}{
		{"ada", somewhere, false},
		{"ada", somewhere, false},
		{"ada", somewhere, true},        // and this does not count for the account,
		{"ada", elsewhere, false},       // whose owner can sign in elsewhere
		{"ada", elsewhere.Next(), true}, // the account has had three
		{"bob", somewhere, false},
		{"bob", somewhere, true}, // the address has had four,
		{"eve", somewhere, true}, // and no longer counts for any account
		{"eve", elsewhere, false},
		{"eve", elsewhere, false},
	} {
		if waits := attempt(t, s, step.account, step.address); waits != step.waits {
			t.Errorf("%+v: it is %v", step, waits)
		}
	}
	const want = `# HELP prefab_sign_in_denied_total Attempts that were denied, by the limit that was reached.
# TYPE prefab_sign_in_denied_total counter
prefab_sign_in_denied_total{limit="account",name="sign-in"} 1
prefab_sign_in_denied_total{limit="account and address",name="sign-in"} 1
prefab_sign_in_denied_total{limit="address",name="sign-in"} 2
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func TestSignIns_SuccessesAndRefundsDoNotCount(t *testing.T) {
	s := repositories.NewSignIns(devtest.RedisClient(t, devtest.Redis(t)), "sign-in", low, prometheus.NewRegistry())
	for i := range 20 {
		end := s.Succeed
		if i >= 10 {
			end = s.Refund
		}
		if attempt(t, s, "ada", somewhere) {
			t.Fatalf("attempt %d waits", i)
		}
		if err := end(t.Context(), "ada", somewhere); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSignIns_StoreNoAccountInTheClear(t *testing.T) {
	client := devtest.RedisClient(t, devtest.Redis(t))
	s := repositories.NewSignIns(client, "sign-in", low, prometheus.NewRegistry())
	attempt(t, s, "Ada@example.com", somewhere)
	attempt(t, s, strings.Repeat("x", 1<<20), somewhere)
	for _, key := range client.Keys(t.Context(), "*").Val() {
		if strings.Contains(strings.ToLower(key), "ada") || strings.Contains(key, "@") || len(key) > 100 {
			t.Errorf("key %.200s", key)
		}
	}
}

func TestSignIns_CountAnIPv6SubscriberOnce(t *testing.T) {
	client := devtest.RedisClient(t, devtest.Redis(t))
	limit := repositories.SignInLimit{PerAccountAndAddress: 9, PerAccount: 9, PerAddress: 1, Window: time.Minute}
	for _, c := range []struct {
		one, other string
		shared     bool
	}{
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"::ffff:192.0.2.1", "192.0.2.1", true},
		{"::ffff:192.0.2.1", "::ffff:198.51.100.7", false},
	} {
		client.FlushDB(t.Context())
		s := repositories.NewSignIns(client, "sign-in", limit, prometheus.NewRegistry())
		attempt(t, s, "a", netip.MustParseAddr(c.one))
		if waits := attempt(t, s, "b", netip.MustParseAddr(c.other)); waits != c.shared {
			t.Errorf("%s after %s waits: %v, want %v", c.other, c.one, waits, c.shared)
		}
	}
}
