package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.com/prefab/app/console"
	"example.com/prefab/handlers/ops"
	"example.com/prefab/services/health"
)

// adminPages are what ADMIN_ADDR shows.
type adminPages struct {
	metrics   prometheus.Gatherer
	health    func(context.Context) ops.Report
	readiness func(context.Context) (state health.State, degraded []string)
	console   *console.Console
}

// startAdmin serves the pages on ADMIN_ADDR, apart from the service's own port: they hold
// details that clients must not see, and probes there are answered however many connections
// clients hold open. stop ends it. Without an address it does nothing.
func (o Options) startAdmin(ctx context.Context, pages adminPages) (stop func(), err error) {
	if o.Settings.AdminAddr == "" {
		return func() {}, nil
	}
	listener, err := o.Settings.listenAdmin(ctx)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(pages.metrics, promhttp.HandlerOpts{
		MaxRequestsInFlight: 3, Timeout: 10 * time.Second, ErrorHandling: promhttp.ContinueOnError,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
	}))
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) {
		report, status := pages.health(r.Context()), http.StatusOK
		if !report.OK() {
			status = http.StatusServiceUnavailable
		}
		sendJSON(w, status, report)
	})
	mux.HandleFunc("GET /health/live", func(w http.ResponseWriter, _ *http.Request) {
		sendJSON(w, http.StatusOK, ops.Probe{Status: "live"})
	})
	mux.HandleFunc("GET /health/ready", func(w http.ResponseWriter, r *http.Request) {
		status, probe := ops.Readiness(pages.readiness(r.Context()))
		sendJSON(w, status, probe)
	})
	for _, path := range console.Paths {
		mux.Handle(path, pages.console)
	}
	srv := &http.Server{
		Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 15 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 8 << 10,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // it shows the drain too
	var serving sync.WaitGroup
	serving.Go(func() { pages.console.Run(ctx) })
	serving.Go(func() {
		err := srv.Serve(listener)
		if !errors.Is(err, http.ErrServerClosed) {
			o.Log.Error("the admin listener failed: no more metrics and probes on ADMIN_ADDR", "error", err)
		}
	})
	at := "http://" + listener.Addr().String()
	o.Log.Info("console and metrics are served", "console", at+"/ops", "metrics", at+"/metrics")
	return func() {
		cancel()
		_ = srv.Close()
		serving.Wait()
	}, nil
}

func sendJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails if the client has gone
}

// checkPorts reports a port that is taken before the start takes its time. It closes the
// listeners again: a client that connects during a long migration would wait.
func (s Settings) checkPorts(ctx context.Context) error {
	listener, err := s.listen(ctx)
	if err != nil {
		return err
	}
	defer listener.Close()
	if s.AdminAddr == "" {
		return nil
	}
	admin, err := s.listenAdmin(ctx)
	if err != nil {
		return err
	}
	return admin.Close()
}

func (s Settings) listen(ctx context.Context) (*net.TCPListener, error) {
	return listen(ctx, net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), "choose another PORT")
}

func (s Settings) listenAdmin(ctx context.Context) (*net.TCPListener, error) {
	return listen(ctx, s.AdminAddr,
		"choose an ADMIN_ADDR that is free, other than HOST and PORT, or set ADMIN_ADDR to nothing")
}

func listen(ctx context.Context, address, advice string) (*net.TCPListener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by another program; %s: %w", address, advice, err)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return listener.(*net.TCPListener), nil //nolint:forcetypeassert // it is one of "tcp"
}
