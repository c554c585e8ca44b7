-- A token bucket: `burst` requests at once, `rate` more each second. It counts by the clock of Redis, so that all instances on
-- all hosts share one clock. The value is "TOKENS MICROSECOND". The key expires when the bucket is full again.

local function microseconds()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- The longest lifetime of a bucket, in milliseconds: a bucket without a refill must expire, too.
local DAY = 86400000

-- How far ahead of the clock a bucket may be, in microseconds: the clock may have been set back by that.
local FURTHEST_AHEAD = 60000000

-- Takes one token out of the bucket. Answers whether there was one, how many remain, and the milliseconds until there is one
-- again.
local function take(key, rate, burst, now)
  local tokens, at = burst, now
  local left, since = string.match(text(key) or '', '^(%S+) (%S+)$')
  left, since = tonumber(left), tonumber(since)
  -- A value that cannot be read, or is of a time far ahead, is a full bucket.
  if left and since and since <= now + FURTHEST_AHEAD then
    -- The clock of Redis may be set back: time in a bucket never is.
    at = math.max(now, since)
    tokens = math.min(burst, left + (at - since) * rate / 1000000)
  end
  local allowed = tokens >= 1
  if allowed then tokens = tokens - 1 end
  local lifetime = DAY
  if rate > 0 then lifetime = math.min(DAY, math.ceil((burst - tokens) / rate * 1000) + 1) end
  redis.call('SET', key, string.format('%.6f %.0f', tokens, at), 'PX', lifetime)
  local retry_after = 0
  if tokens < 1 then
    retry_after = DAY
    if rate > 0 then retry_after = math.ceil((1 - tokens) / rate * 1000) end
  end
  return allowed, math.floor(tokens), retry_after
end
