// Tiny is a service of the smallest kind on package prefork, for its tests.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/app/prefork"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx)
	if status, ok := errors.AsType[prefork.ExitError](err); ok {
		os.Exit(int(status))
	}
	if err != nil {
		fmt.Println("tiny:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	switch {
	case prefork.IsInit():
		return prefork.Init()
	case prefork.IsWorker():
		return work(ctx)
	}
	listener, err := net.Listen("tcp", os.Getenv("ADDRESS"))
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stdout, nil))
	log.Info("listening", "address", listener.Addr().String())
	failures, _ := strconv.Atoi(os.Getenv("FAILURES"))
	supervisor, err := prefork.New(prefork.Options{
		Listener: listener.(*net.TCPListener), Workers: 3, Log: log, Env: []string{"GREETING=hello"},
		ReadyTimeout: duration("READY"), DrainTimeout: duration("DRAIN"), StableAfter: duration("STABLE"),
		MinPause: 10 * time.Millisecond, MaxPause: 100 * time.Millisecond, MaxFailures: failures,
		Receive: func(slot, pid int, message []byte) {
			log.Info("received", "worker", slot, "from", pid, "message", string(message))
		},
		Ended: func(slot, pid int) { log.Info("ended", "worker", slot, "from", pid) },
	})
	if err != nil {
		return err
	}
	return supervisor.Run(ctx)
}

func duration(name string) time.Duration {
	d, _ := time.ParseDuration(os.Getenv(name))
	return d
}

func work(ctx context.Context) error {
	worker, err := prefork.Inherit()
	if err != nil {
		return err
	}
	if _, err := os.Stat(os.Getenv("BROKEN")); err == nil {
		return errors.New("broken")
	}
	if _, err := os.Stat(os.Getenv("STUCK")); err == nil {
		time.Sleep(time.Hour)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/pid", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getpid()) })
	mux.HandleFunc("/child", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, fiber.IsChild()) })
	mux.HandleFunc("/greeting", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getenv("GREETING")) })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		for_, _ := time.ParseDuration(r.FormValue("for"))
		time.Sleep(for_)
		fmt.Fprint(w, os.Getpid())
	})
	mux.HandleFunc("/slots", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(worker.Slots()) })
	mux.HandleFunc("/orphan", func(w http.ResponseWriter, _ *http.Request) {
		// The shell ends at once, and what it has started has no parent then.
		_ = exec.Command("sh", "-c", "sleep 0.2 & exit 0").Run()
	})
	mux.HandleFunc("/say", func(w http.ResponseWriter, r *http.Request) { _ = worker.Send([]byte(r.FormValue("word"))) })
	mux.HandleFunc("/exit", func(http.ResponseWriter, *http.Request) { os.Exit(3) })
	var open sync.WaitGroup
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute, ConnState: func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Done()
		}
	}}
	broken := make(chan error, 1)
	go func() { broken <- server.Serve(worker.Listener) }()
	if err := worker.Ready(); err != nil {
		return err
	}
	life := worker.Context(ctx)
	select {
	case err := <-broken:
		return err
	case <-life.Done():
	}
	// Not by Shutdown, which drops a request that arrives on a connection just accepted.
	_ = worker.Listener.Close()
	<-broken
	server.SetKeepAlivesEnabled(false)
	open.Wait()
	return worker.Send([]byte("goodbye"))
}
