-- Counts a failure of a service. Enough failures in a row open its breaker. A failure of the probe opens it again.
--
-- Keys: breaker; probe, the lease of its probe.
-- Arguments: max_failures, the number that opens the breaker; open_time, for which it stays open, and lifetime, for which a
-- failure counts, both in milliseconds.
--
-- The value of a breaker is a number of failures, or "open" and the microsecond until which no call is made.
-- Answers: state, the value of the breaker; now, in microseconds.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local state = text(keys.breaker) or '0'
local open_until = string.match(state, '^open (%d+)$')
-- A call that fails while the breaker is open began before it opened. It changes nothing.
if open_until and tonumber(open_until) > now then return answer({ state = state, now = now }) end

local max_failures = tonumber(arguments.max_failures)
local failures = open_until and max_failures or (tonumber(state) or 0) + 1
if failures < max_failures then
  state = tostring(failures)
  redis.call('SET', keys.breaker, state, 'PX', arguments.lifetime)
else
  state = string.format('open %.0f', now + arguments.open_time * 1000)
  redis.call('SET', keys.breaker, state, 'PX', arguments.open_time + arguments.lifetime)
  redis.call('DEL', keys.probe)
end
return answer({ state = state, now = now })
