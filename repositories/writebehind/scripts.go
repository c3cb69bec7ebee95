package writebehind

import "github.com/redis/go-redis/v9"

// Each script is one step that nothing can interrupt, a crash included. All have
// the four keys of a buffer: data, dirty, dead, tried. Lua's numbers end at 2^53,
// which versions reach in 2255. A Redis that is full refuses what would take room
// to a script that has written nothing yet; so those that make room do that first.
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
local letter = redis.call('HGET', KEYS[3], ARGV[1])
if pending then
	version = math.max(version, tonumber(string.match(pending, '^%d+')) + 1)
elseif not letter and depth + redis.call('HLEN', KEYS[3]) >= tonumber(ARGV[3]) then
	return -1
else
	depth = depth + 1
end
if letter then -- which may be on its way to the store at this moment
	version = math.max(version, tonumber(string.match(letter, '"entry":"(%d+)') or 0) + 1)
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', version) .. ' ' .. ARGV[2])
redis.call('ZADD', KEYS[2], 'NX', string.format('%.0f', now), ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
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
	local done, newer = {}, {}
	for i, entry in ipairs(entries) do
		local key, version = ARGV[first + i - 1], ARGV[count + first + i - 1] .. ' '
		if entry then
			found = found + 1
			if string.sub(entry, 1, #version) == version then
				done[#done + 1] = key
			else
				newer[#newer + 1] = key
			end
		end
	end
	if #done > 0 then
		redis.call('HDEL', KEYS[1], unpack(done))
		redis.call('ZREM', KEYS[2], unpack(done))
	end
	for _, key in ipairs(newer) do
		redis.call('ZREM', KEYS[2], key)
		redis.call('ZADD', KEYS[2], now, key)
	end
end
return found`)

	// restamp raises what waits under the keys above the store's version, where it is
	// not, and returns how many were there: key, the store's version and the next
	// one, in turns.
	restamp = redis.NewScript(`
local found = 0
for i = 1, #ARGV, 3 do
	local entry = redis.call('HGET', KEYS[1], ARGV[i])
	if entry then
		found = found + 1
		if tonumber(string.match(entry, '^%d+')) <= tonumber(ARGV[i + 1]) then
			redis.call('HDEL', KEYS[1], ARGV[i])
			redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2] .. string.match(entry, ' .*$'))
		end
	end
end
return found`)

	// bury makes dead letters of the keys whose entry still begins as given, and
	// returns how many: first the time, then key, beginning and letter in turns.
	bury = redis.NewScript(`
local buried = 0
for i = 2, #ARGV, 3 do
	local entry = redis.call('HGET', KEYS[1], ARGV[i])
	if entry and string.sub(entry, 1, #ARGV[i + 1]) == ARGV[i + 1] then
		redis.call('HDEL', KEYS[1], ARGV[i])
		redis.call('ZREM', KEYS[2], ARGV[i])
		redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 2])
		redis.call('ZADD', KEYS[4], ARGV[1], ARGV[i])
		buried = buried + 1
	end
end
return buried`)

	// letters returns the ARGV[1] dead letters that have not been tried for longest:
	// key and letter in turns.
	letters = redis.NewScript(`
local reply = {}
for _, key in ipairs(redis.call('ZRANGE', KEYS[4], 0, ARGV[1] - 1)) do
	local letter = redis.call('HGET', KEYS[3], key)
	if letter then
		reply[#reply + 1] = key
		reply[#reply + 1] = letter
	else
		redis.call('ZREM', KEYS[4], key)
	end
end
return reply`)

	// rewrite puts other letters into the place of those that are still the same, or
	// drops them: first the time, then key, old and new letter in turns.
	rewrite = redis.NewScript(`
for i = 2, #ARGV, 3 do
	if redis.call('HGET', KEYS[3], ARGV[i]) == ARGV[i + 1] then
		redis.call('HDEL', KEYS[3], ARGV[i])
		redis.call('ZREM', KEYS[4], ARGV[i])
		if ARGV[i + 2] ~= '' then
			redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 2])
			redis.call('ZADD', KEYS[4], ARGV[1], ARGV[i])
		end
	end
end
return 0`)

	// overtake drops the dead letter of a key.
	overtake = redis.NewScript(`
redis.call('ZREM', KEYS[4], ARGV[1])
return redis.call('HDEL', KEYS[3], ARGV[1])`)
)
