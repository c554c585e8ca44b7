-- Counts a request for the user of a token that the edge has verified for the first time, and stores the token's status.
--
-- Keys:
--   user_limit      the bucket of the token's user
--   token_status    where the status is stored
--   revocation      the time of the user's last revocation, if the token names a user
--   user_tokens     the hashes of the user's tokens that have a status, if the token names a user: events deletes those statuses
--                   when the user is revoked
-- Arguments:
--   rate, burst     the rate limit
--   status          the token's status, sealed
--   lifetime        of the status, in milliseconds
--   token_hash      of the token
--
-- Answers: decision, limit, remaining, retry_after and now, as admit_request.lua; revoked_at, if the user was revoked while the
-- token was verified.

local now = microseconds()
local limit, lifetime = tonumber(arguments.burst), tonumber(arguments.lifetime)
local allowed, remaining, retry_after = take(keys.user_limit, tonumber(arguments.rate), limit, now)
redis.call('SET', keys.token_status, arguments.status, 'PX', lifetime)
if keys.user_tokens then
  redis.call('ZREMRANGEBYSCORE', keys.user_tokens, '-inf', now)
  redis.call('ZADD', keys.user_tokens, now + lifetime * 1000, arguments.token_hash)
  redis.call('PEXPIRE', keys.user_tokens, lifetime, 'GT')
  redis.call('PEXPIRE', keys.user_tokens, lifetime, 'NX')
end
return answer({
  decision = allowed and 'allowed' or 'rate_limited',
  limit = limit,
  remaining = remaining,
  retry_after = retry_after,
  now = now,
  revoked_at = keys.revocation and redis.call('GET', keys.revocation),
})
