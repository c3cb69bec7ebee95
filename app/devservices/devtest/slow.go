package devtest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// SlowRedis is a Redis at the end of a line that takes its time.
type SlowRedis struct {
	URL string

	delay atomic.Int64
	held  atomic.Pointer[holding]
	hangs [2]atomic.Bool // by direction
}

// The directions of a line.
const (
	ToServer = iota
	ToClient
)

// Slow returns a way to the Redis at url whose line delays whatever passes, once
// [SlowRedis.Delay] says so.
func Slow(t testing.TB, redisURL string) *SlowRedis {
	t.Helper()
	options, err := goredis.ParseURL(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	s := new(SlowRedis)
	s.URL = fmt.Sprintf("redis://%s?db=%d", s.listen(t, options.Network, options.Addr), options.DB)
	return s
}

// OverTCP returns a way by TCP to a [Database], for whom its socket is out of reach.
func OverTCP(t testing.TB, databaseURL string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	socket := filepath.Join(query.Get("host"), ".s.PGSQL."+query.Get("port"))
	u.Host = new(SlowRedis).listen(t, "unix", socket)
	query.Del("host")
	query.Del("port")
	u.RawQuery = query.Encode()
	return u.String()
}

// listen accepts connections that lead to the server, until the test ends.
func (s *SlowRedis) listen(t testing.TB, network, server string) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background()) // not t.Context: cleanups may still use the line
	t.Cleanup(end)
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			conn, err := net.Dial(network, server)
			if err != nil {
				_ = client.Close()
				continue
			}
			context.AfterFunc(ctx, func() { _ = client.Close(); _ = conn.Close() })
			go s.pass(ctx, client, conn, ToServer)
			go s.pass(ctx, conn, client, ToClient)
		}
	}()
	return listener.Addr().String()
}

// Delay makes every piece take that long from now on, each way.
func (s *SlowRedis) Delay(d time.Duration) { s.delay.Store(int64(d)) }

// Hold says what a [SlowRedis] is to keep back of what clients send.
type Hold struct {
	Text   string // that a piece has in it
	Pieces int64  // so many of them, and what follows on their connections
	Reset  bool   // the clients find their connections closed meanwhile
}

type holding struct {
	Hold
	left    atomic.Int64
	release chan struct{}
}

// Hold keeps back what it is told to, until release is called. Other connections
// go on, as in a network that has to send packets again.
func (s *SlowRedis) Hold(t testing.TB, hold Hold) (release func()) {
	h := &holding{Hold: hold, release: make(chan struct{})}
	h.left.Store(h.Pieces)
	release = sync.OnceFunc(func() { close(h.release) })
	t.Cleanup(release)
	s.held.Store(h)
	return release
}

// await waits as long as a piece of the client is to be kept back.
func (s *SlowRedis) await(client net.Conn, piece []byte) {
	h := s.held.Load()
	if h == nil || !bytes.Contains(piece, []byte(h.Text)) || h.left.Add(-1) < 0 {
		return
	}
	if h.Reset {
		_ = client.Close()
	}
	<-h.release
}

// Hang holds back whatever goes in that direction, until it is called with false.
func (s *SlowRedis) Hang(direction int, hangs bool) { s.hangs[direction].Store(hangs) }

// pass lets pieces pass in one direction.
func (s *SlowRedis) pass(ctx context.Context, from, to net.Conn, direction int) {
	defer func() { _ = from.Close(); _ = to.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		time.Sleep(time.Duration(s.delay.Load()))
		if direction == ToServer {
			s.await(from, buffer[:n])
		}
		for s.hangs[direction].Load() && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		if _, broken := to.Write(buffer[:n]); err != nil || broken != nil {
			return
		}
	}
}
