package prefork_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkListener asks four processes, on a new connection each time, that
// share one inherited listener or have one each by SO_REUSEPORT. "killed" kills a
// process every 100 ms and starts another: what fails then is told per kill.
func BenchmarkListener(b *testing.B) {
	for _, kind := range []string{"inherited", "reuseport"} {
		for _, killing := range []bool{false, true} {
			name := kind
			if killing {
				name += "/killed"
			}
			b.Run(name, func(b *testing.B) { benchmarkListener(b, kind, killing) })
		}
	}
}

const (
	benchListener = "BENCH_LISTENER" // an address to listen at by SO_REUSEPORT, or "inherited"
	benchWorkers  = 4
)

func benchmarkListener(b *testing.B, kind string, killing bool) {
	listener, err := reusable().Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := listener.Addr().String()
	inherited, err := listener.(*net.TCPListener).File()
	if err != nil {
		b.Fatal(err)
	}
	defer inherited.Close()
	_ = listener.Close()
	if kind == "reuseport" { // a listener that nobody accepts from would take its part
		_ = inherited.Close()
	}
	var workers [benchWorkers]*exec.Cmd
	launch := func(i int) {
		command := exec.Command(os.Args[0])
		command.Env = []string{benchListener + "=" + address}
		if kind == "inherited" {
			command.Env = []string{benchListener + "=inherited"}
			command.ExtraFiles = []*os.File{inherited}
		}
		command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		ready, err := command.StdoutPipe()
		if err == nil {
			err = command.Start()
		}
		if err == nil {
			_, err = io.ReadFull(ready, make([]byte, 1))
		}
		if err != nil {
			b.Fatal(err)
		}
		workers[i] = command
	}
	for i := range workers {
		launch(i)
	}
	end, ended := make(chan struct{}), make(chan struct{})
	kills := 0
	go func() {
		defer close(ended)
		for i := 0; killing; i++ {
			select {
			case <-end:
				return
			case <-time.After(100 * time.Millisecond):
			}
			_ = workers[i%benchWorkers].Process.Kill()
			_ = workers[i%benchWorkers].Wait()
			launch(i % benchWorkers)
			kills++
		}
	}()

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	var failed atomic.Int64
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(b *testing.PB) {
		for b.Next() {
			response, err := client.Get("http://" + address)
			if err != nil {
				failed.Add(1)
				continue
			}
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
	})
	b.StopTimer()
	close(end)
	<-ended
	if kills > 0 {
		b.ReportMetric(float64(failed.Load())/float64(kills), "failed/kill")
	} else if n := failed.Load(); n > 0 {
		b.Errorf("%d requests failed though nobody was killed", n)
	}
	for _, worker := range workers {
		_ = worker.Process.Kill()
		_ = worker.Wait()
	}
}

func reusable() *net.ListenConfig {
	return &net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		})
	}}
}

// init makes this binary a worker where the benchmark starts it as one.
func init() {
	if at := os.Getenv(benchListener); at != "" {
		panic(runBenchListener(at))
	}
}

// runBenchListener is a worker of the benchmark.
func runBenchListener(at string) error {
	var listener net.Listener
	var err error
	if at == "inherited" {
		listener, err = net.FileListener(os.NewFile(3, "listener"))
	} else {
		listener, err = reusable().Listen(context.Background(), "tcp", at)
	}
	if err != nil {
		return err
	}
	body := []byte(strconv.Itoa(os.Getpid()))
	if _, err := os.Stdout.WriteString("."); err != nil {
		return err
	}
	server := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }),
		ReadHeaderTimeout: patience,
	}
	return server.Serve(listener)
}
