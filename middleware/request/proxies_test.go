package request_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/middleware/request"
)

func TestProxies_ClientAddressIsTheLastUntrustedOne(t *testing.T) {
	proxies := request.Proxies{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8:1::/48"),
	}
	for _, c := range []struct {
		what  string
		peer  string
		lines []string
		want  string
	}{
		{"no proxy", "198.51.100.7", nil, "198.51.100.7"},
		{"a stranger who claims another address", "198.51.100.7", []string{"203.0.113.9"}, "198.51.100.7"},
		{"a proxy that says nothing", "10.0.0.1", nil, "10.0.0.1"},
		{"through a proxy", "10.0.0.1", []string{"203.0.113.9"}, "203.0.113.9"},
		{"with a made-up hop in front", "10.0.0.1", []string{"8.8.8.8, 203.0.113.9"}, "203.0.113.9"},
		{"through two proxies", "10.0.0.1", []string{" 203.0.113.9 ,\t192.0.2.1 "}, "203.0.113.9"},
		{"each proxy with a line of its own", "10.0.0.1", []string{"8.8.8.8", "203.0.113.9", "10.0.0.2"}, "203.0.113.9"},
		{"only proxies", "10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"garbage", "10.0.0.1", []string{"'; DROP TABLE users"}, "10.0.0.1"},
		{"garbage behind", "10.0.0.1", []string{"203.0.113.9, unknown"}, "10.0.0.1"},
		{"garbage before a proxy", "10.0.0.1", []string{"203.0.113.9, , 10.0.0.2"}, "10.0.0.2"},
		{"a port of a proxy", "10.0.0.1", []string{"203.0.113.9, 10.0.0.2:80"}, "203.0.113.9"},
		{"IPv6", "2001:db8:1::5", []string{"2001:db8:2::9, 2001:db8:1::6"}, "2001:db8:2::9"},
		{"IPv4 written as IPv6", "::ffff:10.0.0.1", []string{"::ffff:203.0.113.9, ::ffff:10.0.0.2"}, "203.0.113.9"},
		{"a zone", "10.0.0.1", []string{"fe80::1%eth0"}, "fe80::1"},
	} {
		from(c.peer, c.lines, func(ctx *fiber.Ctx) {
			if got := proxies.ClientAddress(ctx); got.String() != c.want {
				t.Errorf("%s: %v, want %s", c.what, got, c.want)
			}
			if got := request.Proxies(nil).ClientAddress(ctx); got.String() != strings.TrimPrefix(c.peer, "::ffff:") {
				t.Errorf("%s, without proxies: %v, want %s", c.what, got, c.peer)
			}
		})
	}
}

// from runs f with the context of a request from that peer.
func from(peer string, forwardedFor []string, f func(c *fiber.Ctx)) {
	app := fiber.New()
	var request fasthttp.RequestCtx
	request.SetRemoteAddr(&net.TCPAddr{IP: net.ParseIP(peer), Port: 1234})
	for _, line := range forwardedFor {
		request.Request.Header.Add(fiber.HeaderXForwardedFor, line)
	}
	c := app.AcquireCtx(&request)
	defer app.ReleaseCtx(c)
	f(c)
}
