package tracing_test

import (
	"net/netip"
	"testing"

	"example.com/prefab/services/tracing"
)

func TestNetwork_IsAnAddressOrItsSubscribersNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1":                   "192.0.2.1",
		"::ffff:192.0.2.1":            "192.0.2.1",
		"2001:db8:1:2:3:4:5:6":        "2001:db8:1:2::",
		"2001:db8:1:2:ffff::":         "2001:db8:1:2::",
		"2001:db8:1:3::1":             "2001:db8:1:3::",
		"fe80::1:2:3:4%eth0":          "fe80::",
		netip.IPv6Loopback().String(): "::",
	} {
		if got := tracing.Network(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	if got := tracing.Network(netip.Addr{}); got == "" {
		t.Error("an unknown address has no key")
	}
}
