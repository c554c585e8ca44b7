-- Counts a failure of a service. Enough of them in a row open its breaker; one of a probe opens it again.
--
-- KEYS: 1 the breaker, 2 the lease of its probe
-- ARGV: 1 failures that open it, 2 milliseconds that it stays open, 3 milliseconds that a failure counts
--
-- A breaker is nothing, or a number of failures, or "open" and the microsecond until which nobody may call.
-- Answers: the breaker, and now in microseconds.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local kept = redis.call('GET', KEYS[1]) or '0'
local ends = string.match(kept, '^open (%d+)$')
-- Who fails while nobody may call began before that: nothing new.
if ends and tonumber(ends) > now then return { kept, now } end

local most = tonumber(ARGV[1])
local failures = ends and most or (tonumber(kept) or 0) + 1
if failures < most then
  kept = tostring(failures)
  redis.call('SET', KEYS[1], kept, 'PX', ARGV[3])
else
  kept = string.format('open %.0f', now + ARGV[2] * 1000)
  redis.call('SET', KEYS[1], kept, 'PX', ARGV[2] + ARGV[3])
  redis.call('DEL', KEYS[2])
end
return { kept, now }
