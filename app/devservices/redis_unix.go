//go:build unix

package devservices

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

type redisServer struct {
	layout     layout
	program    string
	disposable bool
}

func (d *redisServer) name() string { return "redis" }

// stopSignal has Redis sync its log to disk first.
func (d *redisServer) stopSignal() syscall.Signal { return syscall.SIGTERM }

func (d *redisServer) socket() string { return filepath.Join(d.layout.run, redisSocket) }

func (d *redisServer) url() string {
	u := url.URL{Scheme: "unix", Path: d.socket()}
	return u.String()
}

// prepare asks for what the write-behind buffer needs of any Redis: a log of
// all writes, and an eviction that spares keys without an expiry.
func (d *redisServer) prepare(context.Context, *os.File) ([]string, error) {
	data := d.layout.path("redis")
	if err := d.layout.makePrivate(data); err != nil {
		return nil, err
	}
	fsync, databases := "everysec", "16"
	if d.disposable {
		fsync, databases = "no", "1024"
	}
	return []string{
		d.program,
		"--port", "0",
		"--unixsocket", d.socket(),
		"--unixsocketperm", "700",
		"--dir", data,
		"--databases", databases,
		"--save", "",
		"--appendonly", "yes",
		"--appendfsync", fsync,
		"--maxmemory", "256mb",
		"--maxmemory-policy", "volatile-ttl",
		"--daemonize", "no",
	}, nil
}

// answers speaks the protocol itself: a client library logs and retries what is
// expected here, and would take a server that still loads its data for a ready one.
func (d *redisServer) answers(ctx context.Context) error {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", d.socket())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	_, _ = conn.Write([]byte("PING\r\n")) // if it fails, so does the read
	reply, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && reply != "+PONG\r\n" {
		err = fmt.Errorf("redis says %q", reply)
	}
	return err
}
