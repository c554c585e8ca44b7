-- Counts a failed attempt to sign a request. Enough of them within a minute close the address for unknown tokens.
--
-- KEYS: 1 the address's failed attempts
-- ARGV: 1 failures that close an address, 2 milliseconds in which they count, 3 milliseconds that it stays closed

local failures = redis.call('INCR', KEYS[1])
if failures == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if failures == tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return { failures }
