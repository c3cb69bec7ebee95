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
	// lookScript reads entries with the generations of their tags, and makes the generations
	// that are absent. For an entry that is not of these generations it takes the lease, if
	// that is free and nobody writes. If the first entry is a hit, it reads no other.
	//
	// KEYS: for each entry its generations, the entry and its lease; then hashes. ARGV[1] is
	// the new nonce and the token of leases, ARGV[2] and ARGV[3] the TTLs in ms of generations
	// and leases. ARGV[4] is "1" if the first entry is unusable (expired, or of another type):
	// take the lease although the generations match. ARGV[5] is "1" to read on after a hit.
	// ARGV[6] is the number of entries; then follow the number of generations of each, and the
	// fields of the hashes. It returns for each entry its generations, the entry, and 2 for a
	// hit, 1 if it took the lease, else 0; then the fields. For one generation alone it returns
	// that.
	lookScript = redis.NewScript(`
local nonce, items, out, at = ARGV[1], tonumber(ARGV[6]), {}, 0
for i = 1, items do
  local n = tonumber(ARGV[6 + i])
  local found = redis.call('MGET', unpack(KEYS, at + 1, math.min(at + n + 1, #KEYS)))
  local busy = false
  for j = 1, n do
    if not found[j] then
      redis.call('SET', KEYS[at + j], nonce, 'PX', ARGV[2])
      found[j] = nonce
    end
    busy = busy or string.sub(found[j], 1, 1) == 'w'
    out[#out + 1] = found[j]
  end
  at = at + n + 2
  if at > #KEYS then return out end
  local entry, state, unusable = found[n + 1], 0, i == 1 and ARGV[4] == '1'
  if entry and not unusable and string.sub(entry, 19, 18 + 16 * n) == table.concat(found, '', 1, n) then
    state = 2
  elseif not busy and redis.call('SET', KEYS[at], nonce, 'NX', 'PX', ARGV[3]) then
    state = 1
  end
  out[#out + 1] = entry
  out[#out + 1] = state
  if i == 1 and state == 2 and ARGV[5] ~= '1' then return out end
end
for i = 1, #KEYS - at do out[#out + 1] = redis.call('HGET', KEYS[at + i], ARGV[6 + items + i]) end
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
	// removes it if that is empty. Other writers stay until their deadline. Without a writer
	// it deletes the generation.
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

	// renewScript makes a generation last for ARGV[1] ms. A tombstone does not change.
	renewScript = redis.NewScript(`
local g = redis.call('GET', KEYS[1])
if g and string.sub(g, 1, 1) ~= 'w' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
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
	for _, script := range []*redis.Script{lookScript, fillScript, writeScript, renewScript} {
		if err := script.Load(ctx, c.client).Err(); err != nil {
			return err
		}
	}
	return client.Send(ctx, commands...)
}
