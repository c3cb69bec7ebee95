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

// Healthcheck asks the running service whether it lives. It uses no proxy of the
// environment, and follows no redirect. A HOST such as 0.0.0.0 is asked as localhost.
func Healthcheck(ctx context.Context, s Settings) error {
	if s.Port == 0 {
		return errors.New("PORT is 0, any free one: nobody can tell where the service listens")
	}
	url := "http://" + net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) + "/health/live"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	client := http.Client{
		Timeout:       3 * time.Second,
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
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
