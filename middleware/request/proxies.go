package request

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// Proxies are the addresses of trusted proxies, whose X-Forwarded-For counts.
type Proxies []netip.Prefix

// ClientAddress returns the address of the request's client: the peer's, or if the peer is
// a trusted proxy, the last address in X-Forwarded-For that is not one. Fiber's c.IP takes
// the first, which a client can choose.
func (p Proxies) ClientAddress(c *fiber.Ctx) netip.Addr {
	peer, _ := netip.AddrFromSlice(c.Context().RemoteIP())
	client := peer.Unmap()
	if !p.trusts(client) {
		return client
	}
	// A proxy may add its own line to those of the request.
	lines := c.Request().Header.PeekAll(fiber.HeaderXForwardedFor)
	hops := strings.Split(string(bytes.Join(lines, []byte(","))), ",")
	for _, hop := range slices.Backward(hops) {
		address, ok := parseHop(strings.TrimSpace(hop))
		if !ok || !p.trusts(client) {
			break
		}
		client = address.Unmap().WithZone("")
	}
	return client
}

// parseHop also takes an address with a port, which some balancers send.
func parseHop(hop string) (netip.Addr, bool) {
	if address, err := netip.ParseAddr(hop); err == nil {
		return address, true
	}
	withPort, err := netip.ParseAddrPort(hop)
	return withPort.Addr(), err == nil
}

func (p Proxies) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(prefix netip.Prefix) bool { return prefix.Contains(a) })
}
