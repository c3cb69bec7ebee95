-- Sends requests for the paths in a file. Says "ready" before the first, and ends with a line of JSON.
-- Arguments: order (walk or random), seed, method, file; then names and values of headers.
local requests, order, at = {}, nil, 0

function init(args)
   order = args[1]
   math.randomseed(tonumber(args[2]))
   local method, headers = args[3], {}
   for i = 5, #args, 2 do headers[args[i]] = args[i + 1] end
   for path in io.lines(args[4]) do
      local body
      if method == "PUT" then body = '{"quantity":' .. math.random(0, 999) .. '}' end
      requests[#requests + 1] = wrk.format(method, path, headers, body)
   end
   print("ready")
   io.stdout:flush()
end

function request()
   if order == "random" then return requests[math.random(#requests)] end
   at = at % #requests + 1
   return requests[at]
end

function done(summary, latency)
   local e = summary.errors
   io.write(string.format('{"requests":%d,"microseconds":%d,"refused":%d,"broken":%d,"p50":%d,"p99":%d}\n',
      summary.requests, summary.duration, e.status, e.connect + e.read + e.write + e.timeout,
      latency:percentile(50), latency:percentile(99)))
end
