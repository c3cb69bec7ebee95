package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.com/prefab/handlers/ops"
	"example.com/prefab/services/health"
)

// startAdmin serves /metrics and /health on ADMIN_ADDR, apart from the service's own
// port: they tell what no client needs to know. Probes there are answered however
// many connections clients hold open. stop ends it. Without an address it does nothing.
func startAdmin(
	ctx context.Context, s Settings, metrics prometheus.Gatherer, health http.Handler,
	readiness func(context.Context) (state health.State, degraded []string), log *slog.Logger,
) (stop func(), err error) {
	if s.AdminAddr == "" {
		return func() {}, nil
	}
	listener, err := listenAdmin(ctx, s)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{
		MaxRequestsInFlight: 3, Timeout: 10 * time.Second, ErrorHandling: promhttp.ContinueOnError,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}))
	mux.Handle("GET /health", health)
	mux.HandleFunc("GET /health/live", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, ops.Probe{Status: "live"})
	})
	mux.HandleFunc("GET /health/ready", func(w http.ResponseWriter, r *http.Request) {
		status, body := ops.Readiness(readiness(r.Context()))
		answer(w, status, body)
	})
	srv := &http.Server{
		Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 15 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 8 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		steady := &steadyListener{Listener: listener, log: log}
		if err := srv.Serve(steady); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the admin listener failed: no more metrics and probes on ADMIN_ADDR", "error", err)
		}
	}()
	log.Info("metrics are served", "url", "http://"+listener.Addr().String()+"/metrics")
	return func() {
		_ = srv.Close()
		<-ended
	}, nil
}

func listenAdmin(ctx context.Context, s Settings) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", string(s.AdminAddr))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("ADMIN_ADDR %s is taken, by another program or by HOST and PORT; "+
			"choose another, or set ADMIN_ADDR to nothing: %w", s.AdminAddr, err)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on ADMIN_ADDR %s: %w", s.AdminAddr, err)
	}
	return listener, nil
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that has gone needs none
}
