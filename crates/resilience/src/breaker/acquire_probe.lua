-- Acquires the probe of an open breaker: one call at a time tests the service.
--
-- Keys: breaker; probe, the lease of its probe.
-- Argument: lease, the milliseconds after which another call may be the probe.
--
-- Answers: acquired, 1 for the probe and 0 for all other calls; state, the value of the breaker; now, in microseconds. If
-- another probe has failed meanwhile, the breaker is open again, and no call acquires the probe.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local state = text(keys.breaker) or ''
local open_until = string.match(state, '^open (%d+)$')
local acquired = 0
if not (open_until and tonumber(open_until) > now)
    and redis.call('SET', keys.probe, '1', 'NX', 'PX', arguments.lease) then
  acquired = 1
end
return answer({ acquired = acquired, state = state, now = now })
