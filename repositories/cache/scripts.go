package cache

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/repositories/redisclient"
)

// A generation is absent, or a nonce, or a tombstone: "w" and the writers that may still
// commit, each as token@deadline in milliseconds since 1970. A tombstone expires with its
// last deadline, and the next look-up makes a new nonce. crash_test.go checks
// that neither racing processes nor a writer killed after its commit leave a stale value.
const (
	leaseTTL         = 5 * time.Second
	epochTTL         = 24 * time.Hour // the heartbeat renews it
	unusedTTL        = time.Minute    // of a generation without entries
	generationMargin = time.Minute    // by which a generation outlives its entries
)

var (
	// lookScript reads an entry and the generations of its tags, and makes those that are
	// absent. If the entry is not of these generations, it takes the lease, if that is free
	// and nobody writes, and reads what the caller will ask for next, the same way.
	//
	// KEYS: ARGV[1] generations, the entry, its lease; ARGV[2] times a generation, an entry
	// of this one tag, its lease; hashes. ARGV[3] is the new nonce and the token of leases,
	// ARGV[4] and ARGV[5] the TTLs in ms of generations and leases. ARGV[6] is "1" if the
	// entry is unusable (expired, or of another type): take the lease although the
	// generations match. ARGV[7] is "1" to read on after a hit; then follow the fields of
	// the hashes. It returns generations and entry. If it reads on, it also returns 2 for a
	// hit, 1 if it took the lease, else 0; the generation, the entry and 1 or 0 of each of
	// the next entries; and the fields.
	lookScript = redis.NewScript(`
local n, next = tonumber(ARGV[1]), tonumber(ARGV[2])
local out = redis.call('MGET', unpack(KEYS, 1, math.min(n + 1, #KEYS)))
local function made(key)
  redis.call('SET', key, ARGV[3], 'PX', ARGV[4])
  return ARGV[3]
end
local function written(generation) return string.sub(generation, 1, 1) == 'w' end
local function lease(key) return redis.call('SET', key, ARGV[3], 'NX', 'PX', ARGV[5]) and 1 or 0 end
local busy = false
for i = 1, n do
  out[i] = out[i] or made(KEYS[i])
  busy = busy or written(out[i])
end
if #KEYS == n then return out end
local hit = ARGV[6] ~= '1' and out[n + 1] and string.sub(out[n + 1], 19, 18 + 16 * n) == table.concat(out, '', 1, n)
if hit and ARGV[7] ~= '1' then return out end
out[n + 2] = hit and 2 or busy and 0 or lease(KEYS[n + 2])
local at = n + 2
for _ = 1, next do
  local found = redis.call('MGET', KEYS[at + 1], KEYS[at + 2])
  local generation, entry = found[1] or made(KEYS[at + 1]), found[2]
  out[at + 1], out[at + 2], out[at + 3] = generation, entry, 0
  if not written(generation) and (not entry or string.sub(entry, 19, 34) ~= generation) then
    out[at + 3] = lease(KEYS[at + 3])
  end
  at = at + 3
end
for i = at + 1, #KEYS do out[i] = redis.call('HGET', KEYS[i], ARGV[7 + i - at]) end
return out`)

	// fillScript stores the entry ARGV[1] for ARGV[2] ms if its generations, KEYS[3] and
	// following, are still those that it names, and makes them outlive it by ARGV[4] ms.
	// It ends the lease of the token ARGV[3]. An empty entry only ends the lease.
	fillScript = redis.NewScript(`
if redis.call('GET', KEYS[2]) == ARGV[3] then redis.call('DEL', KEYS[2]) end
if ARGV[1] == '' then return 0 end
local now = #KEYS > 2 and redis.call('MGET', unpack(KEYS, 3)) or {}
for i = 1, #now do
  if now[i] ~= string.sub(ARGV[1], 3 + 16 * i, 18 + 16 * i) then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local least = ARGV[2] + ARGV[4]
for i = 3, #KEYS do
  if redis.call('PTTL', KEYS[i]) < least then redis.call('PEXPIRE', KEYS[i], least) end
end
return 1`)

	// writeScript adds the writer ARGV[1] to the tombstone, for ARGV[2] ms from now, or
	// removes it if that is empty. Other writers stay until their deadline.
	writeScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local list, last = {'w'}, now
local function add(token, at)
  list[#list + 1] = token .. '@' .. string.format('%.0f', at)
  last = math.max(last, at)
end
for token, at in string.gmatch(redis.call('GET', KEYS[1]) or '', '(%x+)@(%d+)') do
  if token ~= ARGV[1] and tonumber(at) > now then add(token, tonumber(at)) end
end
if ARGV[2] ~= '' then add(ARGV[1], now + ARGV[2]) end
if #list == 1 then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], table.concat(list, ' '), 'PX', string.format('%.0f', math.max(last - now, 1)))
return 1`)

	// expireScript makes generations expire in ARGV[1] ms, or at once if that is 0.
	// Tombstones stay.
	expireScript = redis.NewScript(`
for _, key in ipairs(KEYS) do
  local g = redis.call('GET', key)
  if g and string.sub(g, 1, 1) ~= 'w' then redis.call('PEXPIRE', key, ARGV[1]) end
end
return 0`)
)

// evalSha is the command that runs a script.
func evalSha(script *redis.Script, keys []string, arguments ...any) *redis.Cmd {
	line := append(make([]any, 0, 3+len(keys)+len(arguments)), "evalsha", script.Hash(), len(keys))
	for i := range keys {
		line = append(line, &keys[i]) // a string in an any would allocate
	}
	command := redis.NewCmd(context.Background(), append(line, arguments...)...)
	command.SetFirstKeyPos(3)
	return command
}

// run sends commands, and loads the scripts if the server does not have them.
func (c *Cache) run(ctx context.Context, client redisclient.Batched, commands ...redis.Cmder) error {
	err := client.Send(ctx, commands...)
	if !redis.HasErrorPrefix(err, "NOSCRIPT") {
		return err
	}
	for _, script := range []*redis.Script{lookScript, fillScript, writeScript, expireScript} {
		if err := script.Load(ctx, c.client).Err(); err != nil {
			return err
		}
	}
	return client.Send(ctx, commands...)
}
