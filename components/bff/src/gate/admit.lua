-- What the edge asks when it has verified a token that it had not seen: charges the user, and keeps the verdict.
--
-- KEYS: 1 the user's bucket, 2 the token's verdict, 3 the user's revocation mark, 4 the hashes of the user's tokens
-- ARGV: 1 rate, 2 burst, 3 the verdict, 4 its lifetime in milliseconds, 5 the token's hash, empty if it is no user's
--
-- The hashes, by when their verdicts end, are for who clears away what is remembered of a user: nothing else reads them.
--
-- Answers as enter.lua, without verdict and signing keys. The mark tells of a revocation since the verdict was reached.

local now = microseconds()
local allowed, left, wait = take(KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), now)
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
if ARGV[5] ~= '' then
  local ends = now + tonumber(ARGV[4]) * 1000
  redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now)
  redis.call('ZADD', KEYS[4], ends, ARGV[5])
  redis.call('PEXPIRE', KEYS[4], ARGV[4], 'GT')
  redis.call('PEXPIRE', KEYS[4], ARGV[4], 'NX')
end
return { allowed == 1 and 'allowed' or 'limited', tonumber(ARGV[2]), left, wait, now, '', redis.call('GET', KEYS[3]) or '', '' }
