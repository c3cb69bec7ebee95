package tracing

import "net/netip"

// Network returns the part of a client's address that limits count by: an IPv4 address, or
// the /64 network of an IPv6 address, since one subscriber owns all of it.
func Network(address netip.Addr) string {
	if address = address.Unmap(); address.Is6() {
		if network, err := address.Prefix(64); err == nil {
			address = network.Addr()
		}
	}
	return address.String()
}
