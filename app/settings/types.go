package settings

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
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

// Host is an address or the name of a host, without a port.
type Host string

// The last label of a name has a letter: 127.0.0.256 is none.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_.-]*[A-Za-z][A-Za-z0-9_-]*[.]?$`)

// UnmarshalText takes IPv6 addresses with and without brackets.
func (h *Host) UnmarshalText(text []byte) error {
	s := string(text)
	if inner, ok := strings.CutPrefix(s, "["); ok {
		s = strings.TrimSuffix(inner, "]")
	}
	*h = Host(s)
	if _, err := netip.ParseAddr(s); err != nil && !hostName.MatchString(s) {
		return errBounds
	}
	return nil
}

// Describe says what a host may be.
func (Host) Describe() string {
	return "an address such as 127.0.0.1, ::1 or 0.0.0.0, or a host's name; the port is a setting of its own"
}

// HostPort is where to listen, such as 127.0.0.1:3001 or :3001, or empty.
type HostPort string

// UnmarshalText checks the text.
func (h *HostPort) UnmarshalText(text []byte) error {
	*h = HostPort(text)
	if *h == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(string(text))
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err == nil && host != "" {
		err = new(Host).UnmarshalText([]byte(host))
	}
	return err
}

// Describe says what it may be.
func (HostPort) Describe() string {
	return "like 127.0.0.1:3001, [::1]:3001 or :3001 with a port from 0 to 65535, or empty"
}

// Networks are addresses and networks, with commas between.
type Networks []netip.Prefix

// UnmarshalText reads a list such as 10.0.0.0/8,192.0.2.1.
func (n *Networks) UnmarshalText(text []byte) error {
	*n = nil
	for item := range strings.SplitSeq(string(text), ",") {
		item = strings.TrimSpace(item)
		if item == "" && len(text) == 0 {
			continue
		}
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
