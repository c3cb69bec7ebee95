package writebehind

import "github.com/redis/go-redis/v9"

// Answers of put other than a depth.
const (
	putFull = -1
	putLate = -2
)

// Each script is one step that nothing can interrupt, a crash included. All have
// the five keys of a buffer: data, dirty, dead, tried, version. Lua's numbers end at
// 2^53, which versions reach in 2255. A Redis that is full refuses what would take
// room to a script that has written nothing yet; so those that make room do that first.
var (
	// put keeps ARGV[2] under ARGV[1] and returns how many keys wait, and the time. It
	// does nothing where ARGV[3] wait already, or where the time is past ARGV[4]. The
	// version is the time, but above all before it, though the clock went back. The key
	// keeps its place in the queue, so that one that is put all the time is stored all
	// the same. A dead letter gives way to it.
	put = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
if now > tonumber(ARGV[4]) then return {-2, now} end
local depth, dead = redis.call('HLEN', KEYS[1]), redis.call('HLEN', KEYS[3])
local letter = dead > 0 and redis.call('HEXISTS', KEYS[3], ARGV[1]) == 1
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
	if not letter and depth + dead >= tonumber(ARGV[3]) then return {-1, now} end
	depth = depth + 1
end
local version = math.max(now, tonumber(redis.call('GET', KEYS[5]) or 0) + 1)
version = string.format('%.0f', version)
redis.call('SET', KEYS[5], version)
redis.call('HSET', KEYS[1], ARGV[1], version .. ' ' .. ARGV[2])
redis.call('ZADD', KEYS[2], 'NX', string.format('%.0f', now), ARGV[1])
if letter then
	redis.call('HDEL', KEYS[3], ARGV[1])
	redis.call('ZREM', KEYS[4], ARGV[1])
end
return {depth, now}`)

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

	// outdated is for keys of which the store has a newer version than what waits, or
	// is a dead letter: key and the store's version in turns. A version that Redis' clock
	// has yet to reach says that the clock went back: what waits is the newest, and gets
	// a version above it, as does whatever is put later. Else what waits is an old copy,
	// and is dropped. It returns for how many keys there was something, how many got a
	// version, and then of each that was dropped: key, version and the store's.
	outdated = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local highest = tonumber(redis.call('GET', KEYS[5]) or 0)
local found, raised, reply = 0, 0, {'', ''}
for i = 1, #ARGV, 2 do
	local key, stored = ARGV[i], tonumber(ARGV[i + 1])
	local hash, queue = KEYS[1], KEYS[2]
	if redis.call('HEXISTS', hash, key) == 0 then hash, queue = KEYS[3], KEYS[4] end
	local text = redis.call('HGET', hash, key)
	local version = text and string.match(text, '%d+')
	if version and tonumber(version) <= stored then
		found = found + 1
		redis.call('HDEL', hash, key)
		if stored > now then
			raised = raised + 1
			highest = math.max(highest, stored + 1)
			redis.call('HSET', hash, key, (string.gsub(text, '%d+', string.format('%.0f', stored + 1), 1)))
			redis.call('SET', KEYS[5], string.format('%.0f', highest))
		else
			redis.call('ZREM', queue, key)
			if tonumber(version) < stored then -- else it is what is stored
				for _, text in ipairs({key, version, ARGV[i + 1]}) do reply[#reply + 1] = text end
			end
		end
	end
end
reply[1], reply[2] = tostring(found), tostring(raised)
return reply`)

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
)
