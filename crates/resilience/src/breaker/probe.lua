-- Asks to try a service whose breaker was open.
--
-- KEYS: 1 the breaker, 2 the lease of its probe
-- ARGV: 1 milliseconds that the lease lasts
--
-- Answers: the breaker; now in microseconds; and 1 for who may try, 0 for all others. Another may have tried meanwhile, and
-- failed: then the breaker is open again, and nobody may.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local kept = redis.call('GET', KEYS[1]) or ''
local ends = string.match(kept, '^open (%d+)$')
if ends and tonumber(ends) > now then return { kept, now, 0 } end
return { kept, now, redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[1]) and 1 or 0 }
