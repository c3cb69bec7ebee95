package querylog_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// proxy stands between driver and server. Frozen, it forwards nothing and closes nothing,
// as a network that swallows packets.
type proxy struct {
	frozen sync.RWMutex
	tls    *tls.Config // nil: no TLS
}

func (p *proxy) freeze() { p.frozen.Lock() }
func (p *proxy) thaw()   { p.frozen.Unlock() }

// newProxy starts a proxy before the server of dsn, a URL with ?host=directory, and
// returns it with the URL that leads through it.
func newProxy(t *testing.T, dsn string, config *tls.Config) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	server := query.Get("host") + "/.s.PGSQL." + query.Get("port")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	p := &proxy{tls: config}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			if server, err := net.Dial("unix", server); err == nil {
				go p.serve(client, server)
			}
		}
	}()
	query.Del("host")
	query.Del("port")
	query.Set("sslmode", "disable")
	query.Set("connect_timeout", "10") // not the tests' second, which a busy machine may exceed
	if config != nil {
		query.Set("sslmode", "require")
	}
	u.Host, u.RawQuery = listener.Addr().String(), query.Encode()
	return p, u.String()
}

func (p *proxy) serve(client, server net.Conn) {
	if p.tls != nil {
		request := make([]byte, 8)
		if _, err := io.ReadFull(client, request); err != nil {
			return
		}
		_, _ = client.Write([]byte{'S'})
		client = tls.Server(client, p.tls)
	}
	go p.forward(client, server)
	p.forward(server, client)
}

func (p *proxy) forward(to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		p.frozen.RLock()
		p.frozen.RUnlock() //nolint:staticcheck // waits for thaw
		if _, writing := to.Write(buffer[:n]); err != nil || writing != nil {
			return
		}
	}
}

func selfSigned(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}
