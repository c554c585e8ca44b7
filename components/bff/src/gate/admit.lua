-- What the edge asks when it has verified a token that it had not seen: charges the user, and keeps the verdict.
--
-- KEYS: 1 the user's bucket, 2 the token's verdict, 3 the user's revocation mark
-- ARGV: 1 rate, 2 burst, 3 the verdict, 4 its lifetime in milliseconds
--
-- Answers as enter.lua, without verdict and signing keys. The mark tells of a revocation since the verdict was reached.

local now = microseconds()
local allowed, left, wait = take(KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), now)
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
return { allowed == 1 and 'allowed' or 'limited', tonumber(ARGV[2]), left, wait, now, '', redis.call('GET', KEYS[3]) or '', '' }
