package session_test

import (
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/storage/redis/v3"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/middleware/session"
	"example.com/prefab/repositories/redisclient"
)

func TestMain(m *testing.M) { devtest.Main(m) }

func TestPrefixed_PartsOfOneStorageNeverMeet(t *testing.T) {
	client, err := redisclient.Open(devtest.Redis(t), 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	whole := redis.NewFromConnection(client)
	one, other := session.Prefix(whole, "one:"), session.Prefix(whole, "other:")

	write := func(s fiber.Storage, key, value string) {
		t.Helper()
		if err := s.Set(key, []byte(value), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(s fiber.Storage, key, want string) {
		t.Helper()
		if got, err := s.Get(key); string(got) != want || err != nil {
			t.Errorf("%s is %q, error %v, want %q", key, got, err, want)
		}
	}
	write(one, "key", "1")
	write(other, "key", "2")
	write(one, "other:key", "crafted")
	expect(one, "key", "1")
	expect(other, "key", "2")
	expect(whole, "one:key", "1")
	expect(whole, "key", "")
	if left := client.TTL(t.Context(), "one:key").Val(); left <= 0 || left > time.Minute {
		t.Errorf("the key lives for %v", left)
	}

	if err := one.Delete("key"); err != nil {
		t.Fatal(err)
	}
	expect(one, "key", "")
	expect(other, "key", "2")

	if err := one.Reset(); err == nil {
		t.Error("a part has reset the whole")
	}
	if err := one.Close(); err != nil {
		t.Error(err)
	}
	expect(other, "key", "2") // which Reset or Close would have ended
}
