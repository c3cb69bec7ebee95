package writebehind

import "github.com/redis/go-redis/v9"

// Answers of putScript other than a depth.
const (
	putFull = -1
	putLate = -2
)

// Each script is atomic, also if Redis crashes. All scripts have five keys: texts and order of
// a queue, texts and order of the dead letters, the highest version. Lua's numbers are exact up
// to 2^53, which versions reach in 2255. A full Redis refuses a script whose first write needs
// memory, so scripts that free memory delete first.
var (
	// putScript keeps the value ARGV[2] under the key ARGV[1], and returns how many keys wait, and
	// the time. It does nothing if ARGV[3] keys wait already, or if the time is past ARGV[4].
	// The version is the time, but always above the last version, even if the clock went back.
	// The key keeps its place in the order, so that a key that is put all the time is stored
	// too. A dead letter of the key is removed.
	putScript = redis.NewScript(`
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

	// fetchScript returns a limit in time, then key, text, key, text and so on of the ARGV[2] oldest
	// keys waiting since then or earlier. The limit is ARGV[1], or if that is empty the newest
	// key's time, so that no key is hidden if the clock went back.
	fetchScript = redis.NewScript(`
local newest = ARGV[1]
if newest == '' then
	newest = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2]
	if not newest then return {''} end
end
local reply = {newest}
local keys = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', newest, 'LIMIT', 0, ARGV[2])
for first = 1, #keys, 1000 do -- Lua's stack holds some thousands
	local texts = redis.call('HMGET', KEYS[1], unpack(keys, first, math.min(first + 999, #keys)))
	for i, text in ipairs(texts) do
		local key = keys[first + i - 1]
		if text then
			reply[#reply + 1] = key
			reply[#reply + 1] = text
		else
			redis.call('ZREM', KEYS[2], key)
		end
	end
end
return reply`)

	// resolveScript removes each key whose text still starts with `beginning`. One put again meanwhile
	// stays and goes to the end of the order. The arguments are key, beginning and dead letter
	// in turns; the letter is '' for a write that is stored, and 'gone' for one that is dropped.
	// When dead letters are retried, both queues are the same one: a letter that fails again
	// moves to the end. It returns how many keys were stored, how many letters it kept, how many
	// keys had another text, and how many were dropped.
	resolveScript = redis.NewScript(`
local t = redis.call('TIME')
local now = string.format('%.0f', t[1] * 1000000 + t[2])
local stored, letters, changed, gone = 0, 0, 0, 0
for i = 1, #ARGV, 3 do
	local key, beginning, letter = ARGV[i], ARGV[i + 1], ARGV[i + 2]
	local text = redis.call('HGET', KEYS[1], key)
	if text then
		redis.call('ZREM', KEYS[2], key)
		if string.sub(text, 1, #beginning) ~= beginning then
			redis.call('ZADD', KEYS[2], now, key)
			changed = changed + 1
		else
			redis.call('HDEL', KEYS[1], key)
			if letter == '' then
				stored = stored + 1
			elseif letter == 'gone' then
				gone = gone + 1
			else
				redis.call('HSET', KEYS[3], key, letter)
				redis.call('ZADD', KEYS[4], now, key)
				letters = letters + 1
			end
		end
	end
end
return {stored, letters, changed, gone}`)

	// raiseOrDropScript is for keys of which the store has a newer version; its arguments are key
	// and the store's version in turns. If Redis' clock has not reached the store's version,
	// it went back: the text is the newest, and gets a version above the store's, as does each
	// later put. Otherwise the text is an old copy, and is dropped. The reply is how many keys
	// had an older text, how many versions were raised, and then for each text that was
	// dropped: key, version and the store's version.
	raiseOrDropScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local highest = tonumber(redis.call('GET', KEYS[5]) or 0)
local found, raised, reply = 0, 0, {'', ''}
for i = 1, #ARGV, 2 do
	local key, stored = ARGV[i], tonumber(ARGV[i + 1])
	local text = redis.call('HGET', KEYS[1], key)
	local version = text and string.match(text, '%d+')
	if version and tonumber(version) <= stored then
		found = found + 1
		redis.call('HDEL', KEYS[1], key)
		if stored > now then
			raised = raised + 1
			highest = math.max(highest, stored + 1)
			redis.call('HSET', KEYS[1], key, (string.gsub(text, '%d+', string.format('%.0f', stored + 1), 1)))
			redis.call('SET', KEYS[5], string.format('%.0f', highest))
		else
			redis.call('ZREM', KEYS[2], key)
			if tonumber(version) < stored then -- an equal one is what is stored
				for _, part in ipairs({key, version, ARGV[i + 1]}) do reply[#reply + 1] = part end
			end
		end
	end
end
reply[1], reply[2] = tostring(found), tostring(raised)
return reply`)
)
