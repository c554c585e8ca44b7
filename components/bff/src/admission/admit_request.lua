-- Decides whether a request may proceed, and reads what the edge needs for it.
--
-- Keys:
--   address_limit    the bucket of the client address
--   token_status     the status of the request's token, if it has one
--   user_limit       the bucket of the token's user
--   revocation       the time of the user's last revocation, if the token names a user
--   address_extra_limit, user_extra_limit   the buckets of the method's extra limit, if it has one
--   signing_keys     the issuer's signing keys, if the edge needs them
--   breaker_of_NAME  the circuit breaker of each service
-- Arguments:
--   rate, burst                the rate limit
--   extra_rate, extra_burst    the method's extra limit
--
-- A request whose token has a status counts for the token's user, and any other for its address. Without a status the user that
-- a token names may be false: then the keys of the user are not touched.
--
-- Answers: decision ('allowed' or 'rate_limited'); limit, remaining and retry_after (in milliseconds) of the bucket
-- that decided; now (in microseconds); token_status, revoked_at, signing_keys and breaker_of_NAME.

local now = microseconds()
local status = keys.token_status and text(keys.token_status)

local limit_key, extra_limit_key = keys.address_limit, keys.address_extra_limit
if status then limit_key, extra_limit_key = keys.user_limit, keys.user_extra_limit end

local limit = tonumber(arguments.burst)
local allowed, remaining, retry_after = take(limit_key, tonumber(arguments.rate), limit, now)
if allowed and extra_limit_key then
  limit = tonumber(arguments.extra_burst)
  allowed, remaining, retry_after = take(extra_limit_key, tonumber(arguments.extra_rate), limit, now)
end

local values = {
  decision = allowed and 'allowed' or 'rate_limited',
  limit = limit,
  remaining = remaining,
  retry_after = retry_after,
  now = now,
  token_status = status,
  revoked_at = status and keys.revocation and redis.call('GET', keys.revocation),
  signing_keys = allowed and keys.signing_keys and text(keys.signing_keys),
}
for name, key in pairs(keys) do
  -- A service without failures has no key: its breaker is the empty text.
  if string.find(name, '^breaker_of_') then values[name] = text(key) or '' end
end
return answer(values)
