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
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', newest, 'LIMIT', 0, ARGV[2])) do
	local text = redis.call('HGET', KEYS[1], key)
	if text then
		reply[#reply + 1] = key
		reply[#reply + 1] = text
	else
		redis.call('ZREM', KEYS[2], key)
	end
end
return reply`)

	// resolveScript removes each key whose text is still the one given. One put again meanwhile
	// stays and goes to the end of the order. The arguments are key, text, outcome and detail in
	// turns. The detail is a dead letter to keep, or for an older write the store's version:
	// if Redis' clock has not reached that, the clock went back, and the text is the newest: it
	// gets a version above the store's, as does each later put. Otherwise Redis has brought back
	// old data, after a crash or by a failover, and the text is dropped. When dead letters are
	// retried, both queues are the same one. The reply holds the outcomes.
	resolveScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local time = string.format('%.0f', now)
local outcomes = {}
for i = 1, #ARGV, 4 do
	local key, outcome, detail = ARGV[i], ARGV[i + 2], ARGV[i + 3]
	local text = redis.call('HGET', KEYS[1], key)
	redis.call('ZREM', KEYS[2], key)
	if text ~= ARGV[i + 1] then
		outcome = 'changed'
		if text then redis.call('ZADD', KEYS[2], time, key) end
	else
		redis.call('HDEL', KEYS[1], key)
		if outcome == 'older' and tonumber(detail) > now then
			outcome = 'raised'
			local version = string.format('%.0f', detail + 1)
			redis.call('HSET', KEYS[1], key, (string.gsub(text, '%d+', version, 1)))
			redis.call('ZADD', KEYS[2], time, key)
			if tonumber(redis.call('GET', KEYS[5]) or 0) <= tonumber(detail) then redis.call('SET', KEYS[5], version) end
		elseif outcome == 'older' then
			outcome = 'outdated'
		elseif detail ~= '' then
			redis.call('HSET', KEYS[3], key, detail)
			redis.call('ZADD', KEYS[4], time, key)
		end
	end
	outcomes[#outcomes + 1] = outcome
end
return outcomes`)

	// retryFirstScript makes the dead letter of the key ARGV[1] the one to be tried next. It returns
	// whether there is one.
	retryFirstScript = redis.NewScript(`
if redis.call('HEXISTS', KEYS[3], ARGV[1]) == 0 then return 0 end
redis.call('ZADD', KEYS[4], 0, ARGV[1])
return 1`)
)
