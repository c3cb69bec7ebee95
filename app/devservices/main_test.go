//go:build unix

package devservices

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/lib/pq"
	"github.com/redis/go-redis/v9"
)

// ownerVariable makes the test binary an owner of servers that a test can kill.
const ownerVariable = "PREFAB_TEST_OWNER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(ownerVariable); dir != "" {
		if _, err := Start(context.Background(), Options{Dir: dir, NeedPostgres: true, NeedRedis: true, Disposable: true}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("ready")
		select {}
	}
	os.Exit(m.Run())
}

// startOwner returns a process that runs the servers of a checkout.
func startOwner(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), ownerVariable+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("owner process: %q, %v", line, err)
	}
	return cmd
}

func killNine(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed, as this would say
}

// checkout is a folder that the servers' account can traverse, unlike t.TempDir.
func checkout(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "prefab-checkout-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// options are those of a Redis, which starts in milliseconds.
func options(t *testing.T) Options {
	t.Helper()
	return Options{Dir: checkout(t), NeedRedis: true, Disposable: true}
}

func start(t *testing.T, o Options) *Services {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func mustFindLayout(t *testing.T, dir string) layout {
	t.Helper()
	p, err := findLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// isFree reports whether no process holds the lock of that name.
func isFree(t *testing.T, dir, name string) bool {
	t.Helper()
	f, err := mustFindLayout(t, dir).lock(name)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	return true
}

func itoa(n int) string { return strconv.Itoa(n) }

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// safeBuffer is a log that is read while it is written.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(text)
}

func (b *safeBuffer) count(text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.text.String(), text)
}

// remember and recall write to all servers and read back.
func remember(t *testing.T, s *Services, word string) {
	t.Helper()
	if s.DatabaseURL != "" {
		if _, err := openDB(t, s.DatabaseURL).Exec("CREATE TABLE words AS SELECT $1::text AS word", word); err != nil {
			t.Fatal(err)
		}
	}
	if err := openRedis(t, s.RedisURL).Set(t.Context(), "word", word, 0).Err(); err != nil {
		t.Fatal(err)
	}
}

func recall(t *testing.T, s *Services, want string) {
	t.Helper()
	if s.DatabaseURL != "" {
		var got string
		if err := openDB(t, s.DatabaseURL).QueryRow("SELECT word FROM words").Scan(&got); err != nil || got != want {
			t.Errorf("PostgreSQL has %q, %v; want %q", got, err, want)
		}
	}
	if got, err := openRedis(t, s.RedisURL).Get(t.Context(), "word").Result(); err != nil || got != want {
		t.Errorf("Redis has %q, %v; want %q", got, err, want)
	}
}

func openDB(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func openRedis(t *testing.T, url string) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	return client
}
