-- A token bucket: `burst` requests at once, `rate` more each second. Time is Redis's own, so all instances of all hosts
-- count by one clock. Kept as "TOKENS MICROSECOND"; gone when it would be full again.

local function microseconds()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- How long a bucket that never fills up is kept, in milliseconds: nothing here lives for ever.
local DAY = 86400000

-- Takes one token. Answers whether there was one, how many are left, and in how many milliseconds there is one again.
local function take(key, rate, burst, now)
  local tokens, at = burst, now
  local kept = redis.call('GET', key)
  if kept then
    local left, since = string.match(kept, '^(%S+) (%S+)$')
    -- Time never runs backwards, whatever happens to the clock.
    at = math.max(now, tonumber(since))
    tokens = math.min(burst, tonumber(left) + (at - tonumber(since)) * rate / 1000000)
  end
  local allowed = tokens >= 1
  if allowed then tokens = tokens - 1 end
  local lifetime = DAY
  if rate > 0 then lifetime = math.min(DAY, math.ceil((burst - tokens) / rate * 1000) + 1) end
  redis.call('SET', key, string.format('%.6f %.0f', tokens, at), 'PX', lifetime)
  local wait = 0
  if tokens < 1 then
    wait = DAY
    if rate > 0 then wait = math.ceil((1 - tokens) / rate * 1000) end
  end
  return allowed and 1 or 0, math.floor(tokens), wait
end
