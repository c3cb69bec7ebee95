//go:build unix

package devservices

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"testing"

	_ "github.com/lib/pq"
	"github.com/redis/go-redis/v9"
)

// ownerVariable makes the test binary an owner of servers that a test can kill.
const ownerVariable = "PREFAB_TEST_OWNER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(ownerVariable); dir != "" {
		os.Exit(beOwner(dir))
	}
	os.Exit(m.Run())
}

// beOwner runs servers until its standard input closes.
func beOwner(dir string) int {
	s, err := Start(context.Background(), options(dir))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	if err := s.Stop(context.Background()); err != nil {
		return 1
	}
	return 0
}

// startOwner returns a process that runs the servers of a checkout.
func startOwner(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	if testing.Short() {
		t.Skip("it starts servers")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), ownerVariable+"="+dir)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
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

func options(dir string) Options {
	return Options{Dir: dir, Database: "prefab", NeedPostgres: true, NeedRedis: true, Disposable: true}
}

func start(t *testing.T, o Options) *Services {
	t.Helper()
	if testing.Short() {
		t.Skip("it starts servers")
	}
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *Services) {
	t.Helper()
	if err := s.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// remember and recall write to both servers and read back.
func remember(t *testing.T, s *Services, word string) {
	t.Helper()
	db := openDB(t, s.DatabaseURL)
	if _, err := db.Exec("CREATE TABLE words AS SELECT $1::text AS word", word); err != nil {
		t.Fatal(err)
	}
	if err := openRedis(t, s.RedisURL).Set(t.Context(), "word", word, 0).Err(); err != nil {
		t.Fatal(err)
	}
}

func recall(t *testing.T, s *Services, want string) {
	t.Helper()
	var got string
	if err := openDB(t, s.DatabaseURL).QueryRow("SELECT word FROM words").Scan(&got); err != nil || got != want {
		t.Errorf("PostgreSQL has %q, %v; want %q", got, err, want)
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
