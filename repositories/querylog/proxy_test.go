package querylog_test

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

const (
	sslRequest    = 80877103
	cancelRequest = 80877102
)

// proxy stands between driver and server: it counts the client's messages by
// their type and can stop forwarding without closing anything, as a network
// does that swallows packets.
type proxy struct {
	listener net.Listener
	server   string // the server's unix socket
	tls      *tls.Config

	mu       sync.Mutex
	moved    *sync.Cond
	frozen   bool
	closed   bool
	messages map[byte]int
	cancels  int
	conns    []net.Conn
}

// newProxy starts a proxy before the server of dsn, a URL with ?host=directory,
// and returns it with the URL that leads through it.
func newProxy(t *testing.T, dsn string, config *tls.Config) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	port := query.Get("port")
	if port == "" {
		port = "5432"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, server: query.Get("host") + "/.s.PGSQL." + port, tls: config, messages: map[byte]int{}}
	p.moved = sync.NewCond(&p.mu)
	t.Cleanup(p.close)
	go p.accept()

	query.Del("host")
	query.Del("port")
	query.Set("sslmode", "disable")
	if config != nil {
		query.Set("sslmode", "require")
	}
	u.Host, u.RawQuery = listener.Addr().String(), query.Encode()
	return p, u.String()
}

// freeze makes the network swallow everything; thaw delivers it.
func (p *proxy) freeze() { p.set(func() { p.frozen = true }) }
func (p *proxy) thaw()   { p.set(func() { p.frozen = false }) }

// count returns how many client messages of a type have passed.
func (p *proxy) count(kind byte) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.messages[kind]
}

// roundTrips is how often a client has asked the server for an answer.
func (p *proxy) roundTrips() int { return p.count('Q') + p.count('S') }

func (p *proxy) cancelRequests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cancels
}

func (p *proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	p.moved.Broadcast()
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.set(func() {
		p.closed = true
		for _, c := range p.conns {
			_ = c.Close()
		}
	})
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("unix", p.server)
		if err != nil {
			_ = client.Close()
			return
		}
		p.set(func() { p.conns = append(p.conns, client, server) })
		go p.serve(client, server)
	}
}

func (p *proxy) serve(client, server net.Conn) {
	defer func() { _ = client.Close(); _ = server.Close() }()
	if p.tls != nil {
		if _, err := io.ReadFull(client, make([]byte, 8)); err != nil { // the SSLRequest
			return
		}
		if _, err := client.Write([]byte{'S'}); err != nil {
			return
		}
		client = tls.Server(client, p.tls)
	}
	go func() {
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			if !p.pass() || n == 0 && err != nil {
				_ = client.Close()
				return
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	}()
	in := bufio.NewReader(client)
	for startup := true; ; startup = false {
		message, kind, err := readMessage(in, startup)
		if err != nil || !p.pass() {
			return
		}
		p.set(func() {
			if startup && binary.BigEndian.Uint32(message[4:]) == cancelRequest {
				p.cancels++
			} else if !startup {
				p.messages[kind]++
			}
		})
		if _, err := server.Write(message); err != nil {
			return
		}
	}
}

// pass waits while the network is frozen; it reports false once it is closed.
func (p *proxy) pass() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.frozen && !p.closed {
		p.moved.Wait()
	}
	return !p.closed
}

func readMessage(in *bufio.Reader, startup bool) (message []byte, kind byte, err error) {
	head := 5
	if startup {
		head = 4 // no type
	}
	message = make([]byte, head)
	if _, err = io.ReadFull(in, message); err != nil {
		return nil, 0, err
	}
	size := int(binary.BigEndian.Uint32(message[head-4:])) - 4
	message = append(message, make([]byte, size)...)
	_, err = io.ReadFull(in, message[head:])
	return message, message[0], err
}
