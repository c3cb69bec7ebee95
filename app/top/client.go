package top

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"

	"example.com/prefab/app/console"
)

const (
	askTimeout = 3 * time.Second
	maxBody    = 4 << 20 // far above what a console answers
)

// client asks a console. It uses no proxy of the environment, and follows no redirect.
type client struct {
	address string
	http    http.Client
}

func newClient(address string) (*client, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("the address %q must be host:port: set ADMIN_ADDR, or use --addr", address)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() { // it listens everywhere
		host = "localhost"
	}
	return &client{address: net.JoinHostPort(host, port), http: http.Client{
		Timeout:       askTimeout,
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// state returns what the service tells, with the history of a route, or of all if it is
// empty. The error says in words what is wrong, and what to do.
func (c *client) state(ctx context.Context, route string) (s console.State, err error) {
	target := "http://" + c.address + "/ops.json?route=" + url.QueryEscape(route)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return s, fmt.Errorf("ask %s: %w", c.address, err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return s, c.noAnswer(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return s, fmt.Errorf("%s answers %s: is it the ADMIN_ADDR of this service?", c.address, printable(response.Status))
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxBody)).Decode(&s); err != nil {
		return s, fmt.Errorf("what %s answers cannot be read: is it the ADMIN_ADDR of this service? (%w)", c.address, err)
	}
	return s, nil
}

func (c *client) noAnswer(err error) error {
	what := err
	if inner, ok := errors.AsType[*url.Error](err); ok {
		what = inner.Err // without the URL
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		what = errors.New("nothing listens there")
	case os.IsTimeout(err):
		what = fmt.Errorf("no answer within %s", askTimeout)
	}
	return fmt.Errorf("%s: %w: is the service running? is ADMIN_ADDR set as it is there? (--addr host:port names another)",
		c.address, what)
}
