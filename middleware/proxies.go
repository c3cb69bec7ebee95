package middleware

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// Proxies are the addresses whose X-Forwarded-For is believed.
type Proxies []netip.Prefix

// ClientAddress returns the address of the request's client: the peer's, or if
// the peer is a trusted proxy, the last address in X-Forwarded-For that is not
// one. Fiber's own c.IP takes the first, which any client can make up.
func (p Proxies) ClientAddress(c *fiber.Ctx) netip.Addr {
	peer, _ := netip.AddrFromSlice(c.Context().RemoteIP())
	client := peer.Unmap()
	if !p.trusts(client) {
		return client
	}
	// A proxy may add a line of its own to those that came in.
	lines := c.Request().Header.PeekAll(fiber.HeaderXForwardedFor)
	hops := strings.Split(string(bytes.Join(lines, []byte(","))), ",")
	for _, hop := range slices.Backward(hops) {
		address, ok := parseHop(strings.TrimSpace(hop))
		if !ok {
			break
		}
		client = address.Unmap().WithZone("")
		if !p.trusts(client) {
			break
		}
	}
	return client
}

// parseHop takes an address with a port too, as some balancers send it.
func parseHop(hop string) (netip.Addr, bool) {
	if address, err := netip.ParseAddr(hop); err == nil {
		return address, true
	}
	withPort, err := netip.ParseAddrPort(hop)
	return withPort.Addr(), err == nil
}

func (p Proxies) trusts(a netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// protocol is c.Protocol, which looks up the peer even where no proxy says anything.
func protocol(c *fiber.Ctx) string {
	if c.Context().IsTLS() {
		return "https"
	}
	for name := range c.Request().Header.All() {
		if isForwarded(name) {
			return c.Protocol()
		}
	}
	return "http"
}

// isForwarded reports whether it is a header by which a proxy tells what the client
// asked it for.
func isForwarded(name []byte) bool {
	return bytes.HasPrefix(name, []byte("X-Forwarded-")) || string(name) == fiber.HeaderXUrlScheme
}
