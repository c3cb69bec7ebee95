package app_test

import (
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
)

// The text of these is more than all buffers between the server and a client
// take, so that an export of them waits for its reader.
const (
	manyProducts = 20_000
	manyBytes    = manyProducts * 2000
)

func (s *service) manyProducts() {
	s.t.Helper()
	s.exec(`INSERT INTO products (name, description, price_cents, category_id)
		SELECT 'Lamp ' || n, repeat('x', 2000), n, $1 FROM generate_series(1, $2::int) n`, s.category("Many"), manyProducts)
}

// export begins an export on a connection of its own.
func (c *client) export(format string) (*wire, io.Reader) {
	c.s.t.Helper()
	w := c.s.dial()
	w.send("GET " + exportPath + format + " HTTP/1.1\r\nHost: x\r\nCookie: " + sessionCookie + "=" + c.cookie(sessionCookie) + "\r\n\r\n")
	response := w.response("GET")
	if response.StatusCode != http.StatusOK {
		c.s.t.Fatalf("the export begins with %s", response.Status)
	}
	return w, response.Body
}

// whole reports whether an export is answered to its end. The client's own get
// would hold all of it against the document, for many seconds.
func (c *client) whole(format string) bool {
	c.s.t.Helper()
	own := http.Client{Jar: c.http.Jar, Transport: c.s.transport}
	response, err := own.Get(c.s.url + exportPath + format)
	if err != nil {
		c.s.t.Fatal(err)
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil && response.StatusCode == http.StatusOK
}

const runningExports = `FROM pg_stat_activity
	WHERE datname = current_database() AND state = 'active' AND query LIKE '-- name: products.export%'`

func (s *service) exportsRunning() int64 {
	s.t.Helper()
	var n int64
	if err := s.exports.GetContext(s.t.Context(), &n, "SELECT count(*) "+runningExports); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// With a pool of two, one export may run at a time: each needs the connection and
// the place of the one before.
func TestExport_AClientThatIsGoneHoldsNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	s := start(t, "DATABASE_MAX_CONNS=2")
	admin := s.admin()
	s.manyProducts()
	w, _ := admin.export("json")
	if n := s.exportsRunning(); n != 1 {
		t.Fatalf("%d exports run, want 1: the test does not see them", n)
	}
	refused := admin.get(exportPath + "csv")
	refused.problem(http.StatusServiceUnavailable)
	if refused.header.Get("Retry-After") != "10" {
		t.Errorf("Retry-After is %q", refused.header.Get("Retry-After"))
	}
	_ = w.conn.Close()
	devtest.Eventually(t, "the query is cancelled", func() bool { return s.exportsRunning() == 0 })
	devtest.Eventually(t, "another may run", func() bool { return admin.whole("csv") })
	if !strings.Contains(s.log.String(), "the client closed the connection") {
		t.Error("the log does not tell that the client went")
	}
}

func TestExport_AClientThatReadsSlowlyGetsAllInBoundedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	s := start(t, "REQUEST_TIMEOUT=3s", "WRITE_TIMEOUT=3s")
	admin := s.admin()
	s.manyProducts()
	held := func() uint64 {
		runtime.GC()
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		return memory.HeapAlloc
	}
	before, most := held(), uint64(0)
	begun, read := time.Now(), int64(0)
	_, body := admin.export("csv")
	for {
		n, err := io.CopyN(io.Discard, body, 4<<20)
		if read += n; errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%d bytes, error %v", read, err)
		}
		most = max(most, held())
		time.Sleep(400 * time.Millisecond) // far less than the time for one write, in sum more
	}
	if took := time.Since(begun); read < manyBytes || took < 3*time.Second {
		t.Errorf("%d bytes in %v, which is no longer than the timeouts", read, took)
	}
	if most > before+manyBytes/2 {
		t.Errorf("the heap grew from %d to %d KiB", before>>10, most>>10)
	}
}

func TestExport_IsCutWhenItDoesNotDrainInTime(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	s := start(t, "SHUTDOWN_TIMEOUT=1s")
	admin := s.admin()
	s.manyProducts()
	_, body := admin.export("csv")
	s.cutsRequests = true
	s.stop()
	devtest.Eventually(t, "the query is cancelled", func() bool { return s.exportsRunning() == 0 })
	if read, err := io.Copy(io.Discard, body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d bytes, error %v", read, err)
	}
}

// HTTP/1.0 has no chunks: a client would take a cut export for a whole one.
func TestExport_OverHTTP10Is505(t *testing.T) {
	s := shared(t)
	w := s.dial()
	w.send("GET " + exportPath + "csv HTTP/1.0\r\nHost: x\r\nCookie: " + sessionCookie + "=" + s.admin().cookie(sessionCookie) + "\r\n\r\n")
	if got := w.status("GET"); got != http.StatusHTTPVersionNotSupported {
		t.Errorf("it is answered with %d", got)
	}
}
