package writebehind

import "github.com/redis/go-redis/v9"

// Each script is one step that nothing can interrupt, a crash included. Versions
// are compared as text: Lua's numbers end at 2^53, which microseconds reach in 2255.
var (
	// put keeps ARGV[2] under ARGV[1] and returns how many keys wait, or -1 where
	// ARGV[3] do already. The key keeps its place in the queue, so that one that is
	// put all the time is stored all the same. A dead letter gives way to it.
	put = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local version = now
local depth = redis.call('HLEN', KEYS[1])
local pending = redis.call('HGET', KEYS[1], ARGV[1])
if pending then
	version = math.max(now, tonumber(string.match(pending, '^%d+')) + 1)
else
	local dead = redis.call('HLEN', KEYS[3]) - redis.call('HEXISTS', KEYS[3], ARGV[1])
	if depth + dead >= tonumber(ARGV[3]) then return -1 end
	depth = depth + 1
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', version) .. ' ' .. ARGV[2])
redis.call('ZADD', KEYS[2], 'NX', string.format('%.0f', now), ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
return depth`)

	// take returns the ARGV[2] keys that have waited longest, and what waits under
	// them, of those that wait since ARGV[1] at the latest; first of all, that time.
	// Without it, it is the time of the newest, so that a clock that went back hides none.
	take = redis.NewScript(`
local last = ARGV[1]
if last == '' then
	last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2]
	if not last then return {''} end
end
local reply = {last}
local keys = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', last, 'LIMIT', 0, ARGV[2])
for first = 1, #keys, 1000 do -- Lua's stack holds some thousands
	local entries = redis.call('HMGET', KEYS[1], unpack(keys, first, math.min(first + 999, #keys)))
	for i, entry in ipairs(entries) do
		local key = keys[first + i - 1]
		if entry then
			reply[#reply + 1] = key
			reply[#reply + 1] = entry
		else
			redis.call('ZREM', KEYS[2], key)
		end
	end
end
return reply`)

	// acknowledge drops the keys that still hold the version that was stored: first
	// the keys, then their versions. Those that hold another wait since now. It
	// returns how many were there.
	acknowledge = redis.NewScript(`
local t = redis.call('TIME')
local now = string.format('%.0f', t[1] * 1000000 + t[2])
local count, found = #ARGV / 2, 0
for first = 1, count, 1000 do
	local entries = redis.call('HMGET', KEYS[1], unpack(ARGV, first, math.min(first + 999, count)))
	local done = {}
	for i, entry in ipairs(entries) do
		local key, version = ARGV[first + i - 1], ARGV[count + first + i - 1] .. ' '
		if entry then
			found = found + 1
			if string.sub(entry, 1, #version) == version then
				done[#done + 1] = key
			else
				redis.call('ZADD', KEYS[2], 'XX', now, key)
			end
		end
	end
	if #done > 0 then
		redis.call('HDEL', KEYS[1], unpack(done))
		redis.call('ZREM', KEYS[2], unpack(done))
	end
end
return found`)

	// restamp gives the keys that still hold a version another one, and returns
	// how many: key, old and new version, in turns.
	restamp = redis.NewScript(`
local changed = 0
for i = 1, #ARGV, 3 do
	local entry = redis.call('HGET', KEYS[1], ARGV[i])
	if entry and string.match(entry, '^%d+') == ARGV[i + 1] then
		redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2] .. string.match(entry, ' .*$'))
		changed = changed + 1
	end
end
return changed`)

	// bury makes dead letters of the keys that still hold a version, and returns
	// how many: key, version and letter, in turns.
	bury = redis.NewScript(`
local buried = 0
for i = 1, #ARGV, 3 do
	local entry = redis.call('HGET', KEYS[1], ARGV[i])
	if entry and string.match(entry, '^%d+') == ARGV[i + 1] then
		redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 2])
		redis.call('HDEL', KEYS[1], ARGV[i])
		redis.call('ZREM', KEYS[2], ARGV[i])
		buried = buried + 1
	end
end
return buried`)

	// unbury drops the dead letters that are still the same: key and letter, in turns.
	unbury = redis.NewScript(`
for i = 1, #ARGV, 2 do
	if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
return 0`)
)
