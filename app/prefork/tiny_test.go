//go:build unix

package prefork_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/app/prefork"
)

// tinyVariable makes the test binary run as the service tiny, whose workers inherit it.
const tinyVariable = "TINY"

func TestMain(m *testing.M) {
	if os.Getenv(tinyVariable) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	run := supervise
	if prefork.IsWorker() {
		run = work
	}
	if err := run(ctx); err != nil {
		fmt.Println("tiny:", err)
		os.Exit(1)
	}
}

// supervise runs three workers on a free port.
func supervise(ctx context.Context) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stdout, nil))
	slots, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	log.Info("listening", "address", listener.Addr().String(), "slots", slots.Addr().String())
	supervisor, err := prefork.New(prefork.Options{
		Listener: listener.(*net.TCPListener), Workers: 3, Log: log, Env: []string{"GREETING=hello"},
		ReadyTimeout: duration("READY"), DrainTimeout: duration("DRAIN"),
		Receive: func(slot, pid int, message []byte) {
			log.Info("received", "worker", slot, "from", pid, "message", string(message))
		},
		Ended: func(slot, pid int) { log.Info("ended", "worker", slot, "from", pid) },
	})
	if err != nil {
		return err
	}
	control := http.NewServeMux()
	control.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(supervisor.Slots())
	})
	control.HandleFunc("/ask", func(w http.ResponseWriter, r *http.Request) {
		timeout, _ := time.ParseDuration(r.FormValue("timeout"))
		ctx, cancel := context.WithTimeout(r.Context(), cmp.Or(timeout, waitLimit))
		defer cancel()
		slot, _ := strconv.Atoi(r.FormValue("slot"))
		answer, err := supervisor.Ask(ctx, slot, []byte(r.FormValue("question")))
		fmt.Fprint(w, string(answer), err)
	})
	control.HandleFunc("/roll", func(http.ResponseWriter, *http.Request) { supervisor.Roll() })
	go http.Serve(slots, control) //nolint:errcheck // until the end
	return supervisor.Run(ctx)
}

func duration(name string) time.Duration {
	d, _ := time.ParseDuration(os.Getenv(name))
	return cmp.Or(d, waitLimit)
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
	if os.Getenv("SILENT") == "" {
		worker.Answer(answers(worker))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/environment", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, os.Getenv("GREETING"), " ", fiber.IsChild())
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, os.Getpid())
		_ = http.NewResponseController(w).Flush()
		pause, _ := time.ParseDuration(r.FormValue("for"))
		time.Sleep(pause)
		fmt.Fprint(w, "done")
	})
	mux.HandleFunc("/say", func(http.ResponseWriter, *http.Request) { _ = worker.Send([]byte("a word")) })
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
	select {
	case err := <-broken:
		return err
	case <-worker.Context(ctx).Done():
	}
	// Not by Shutdown, which drops a request that arrives on a connection just accepted.
	_ = worker.Listener.Close()
	<-broken //nolint:errcheck // it says that the listener is closed
	server.SetKeepAlivesEnabled(false)
	open.Wait()
	return worker.Send([]byte("goodbye"))
}

// answers answers "who", "long 1000000" with as many bytes, "wait 1h" after that time, and
// "replaced" once the worker is.
func answers(worker *prefork.Worker) func(context.Context, []byte) []byte {
	return func(ctx context.Context, question []byte) []byte {
		kind, detail, _ := strings.Cut(string(question), " ")
		switch kind {
		case "long":
			n, _ := strconv.Atoi(detail)
			return make([]byte, n)
		case "wait":
			fmt.Printf("asked pid=%d\n", os.Getpid())
			pause, _ := time.ParseDuration(detail)
			time.Sleep(pause)
		case "replaced":
			fmt.Printf("asked pid=%d\n", os.Getpid())
			<-worker.Context(ctx).Done()
		}
		return fmt.Append(nil, os.Getpid())
	}
}
