package cache

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// tagKeys are a tag's keys in Redis, which lie in one slot of a cluster.
type tagKeys struct {
	tag        string
	generation string
	writers    string // a sorted set: who is writing, and until when at most
}

func (c *Cache) tagKeys(tag string) tagKeys {
	key := c.prefix + "tag:{" + name(tag) + "}"
	return tagKeys{tag: tag, generation: key, writers: key + ":writers"}
}

// Everything is the tag that all values have. Its generation is the epoch.
const Everything = "*"

const (
	epochTTL       = 24 * time.Hour // the watcher renews it
	newTTL         = time.Minute    // of a generation under which nothing is kept yet
	outliving      = time.Minute    // what a generation lasts beyond the values under it
	nonceLength    = 16
	maxPlainName   = 100
	unsafeInNames  = "{} \r\n\t\x00"
	hashedNameMark = "#"
)

// nonce is a mark that never was before and never will be again. A generation
// needs no order, only to differ; so neither a clock that goes back nor a lost
// key can bring an old one to life.
func nonce() string {
	var b [nonceLength / 2]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// name is the form of a tag or key that a Redis key can hold in its hash tag:
// itself as long as it is short and plain, so that people can find it.
func name(s string) string {
	if len(s) <= maxPlainName && !strings.ContainsAny(s, unsafeInNames) && !strings.HasPrefix(s, hashedNameMark) {
		return s
	}
	return hashedNameMark + digest(s)
}

const (
	// beginScript drops a generation and notes the writer until ARGV[2], in ms
	// from now. Writers that have outlived their time are forgotten.
	beginScript = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('DEL', KEYS[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
return 0`

	endScript = `
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('DEL', KEYS[1])
return 0`

	// claimScript returns the generation, which it makes where there is none; but
	// none is made while somebody writes.
	claimScript = `
local g = redis.call('GET', KEYS[1])
if g then return g end
local t = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', t[1] * 1000 + math.floor(t[2] / 1000))
if redis.call('EXISTS', KEYS[2]) == 1 then return '' end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]`

	// renewScript returns the generation, and sees that it lasts ARGV[1] ms from now.
	renewScript = `
local g = redis.call('GET', KEYS[1])
if not g then return '' end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return g`
)

// writer is one call of Change.
type writer struct {
	token string
	ttl   time.Duration
}

func (w writer) begin(p redis.Pipeliner, k tagKeys) {
	p.Eval(context.Background(), beginScript, []string{k.generation, k.writers}, w.token, w.ttl.Milliseconds())
}

func (w writer) end(p redis.Pipeliner, k tagKeys) {
	p.Eval(context.Background(), endScript, []string{k.generation, k.writers}, w.token)
}

// unsettled leaves the writer's mark where it is.
func (writer) unsettled(p redis.Pipeliner, k tagKeys) {
	p.Del(context.Background(), k.generation)
}
