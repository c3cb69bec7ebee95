package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Healthcheck asks the running service whether it lives.
func Healthcheck(ctx context.Context, s Settings) error {
	if s.Port == 0 {
		return errors.New("PORT is 0, any free one: nobody can tell where the service listens")
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var problems []error
	for _, host := range reachable(string(s.Host)) {
		err := askLive(ctx, "http://"+net.JoinHostPort(host, strconv.Itoa(s.Port))+"/health/live")
		if err == nil {
			return nil
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// reachable returns where a service on the host can be asked: no client can connect
// to 0.0.0.0 or :: everywhere. A bare image cannot look up localhost.
func reachable(host string) []string {
	switch ip := net.ParseIP(host); {
	case ip == nil || !ip.IsUnspecified():
		return []string{host}
	case ip.To4() != nil:
		return []string{"127.0.0.1"}
	}
	return []string{"127.0.0.1", "::1"} // it may listen on both or on IPv6 alone
}

// askLive asks this service and nobody else: neither a proxy from the environment
// nor where an answer points to.
func askLive(ctx context.Context, url string) error {
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	response, err := client.Do(request)
	if err != nil {
		return err // it names the URL
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}
