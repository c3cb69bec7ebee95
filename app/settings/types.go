package settings

import (
	"net/netip"
	"net/url"
	"strings"
)

// ServerURL is the address of a server, with its password. It prints without the
// password; only a conversion to string gives all of it.
type ServerURL string

// String masks the password, or everything if it is not a URL.
func (u ServerURL) String() string {
	if u == "" {
		return ""
	}
	parsed, err := url.Parse(string(u))
	if err != nil || parsed.Scheme == "" {
		return "xxxxx"
	}
	query, err := url.ParseQuery(parsed.RawQuery)
	if err != nil {
		return "xxxxx"
	}
	for name := range query {
		if strings.Contains(strings.ToLower(name), "password") {
			query.Set(name, "xxxxx")
			parsed.RawQuery = query.Encode()
		}
	}
	return parsed.Redacted()
}

// MarshalText masks too, for logs and JSON.
func (u ServerURL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// Networks are addresses and networks, with commas between.
type Networks []netip.Prefix

// UnmarshalText reads a list such as 10.0.0.0/8,192.0.2.1.
func (n *Networks) UnmarshalText(text []byte) error {
	if *n = nil; len(text) == 0 {
		return nil
	}
	for item := range strings.SplitSeq(string(text), ",") {
		item = strings.TrimSpace(item)
		prefix, err := netip.ParsePrefix(item)
		if address, addressErr := netip.ParseAddr(item); addressErr == nil {
			prefix, err = address.Prefix(address.BitLen())
		}
		if err != nil {
			return err
		}
		*n = append(*n, prefix)
	}
	return nil
}

// Describe says what they may be.
func (Networks) Describe() string {
	return "addresses and networks such as 10.0.0.0/8, with commas between"
}

// String lists them as they are set.
func (n Networks) String() string {
	list := make([]string, len(n))
	for i, prefix := range n {
		list[i] = prefix.String()
	}
	return strings.Join(list, ",")
}
