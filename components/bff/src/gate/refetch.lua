-- What the edge asks when a token names a signing key that it does not know.
--
-- KEYS: 1 the signing keys, 2 the mark of who fetches them
-- ARGV: 1 milliseconds between two fetches, over all instances of all hosts
--
-- Answers: the signing keys, empty where there are none, and whose turn it is to fetch them: 'mine', or whether another's
-- turn is still 'open' or 'over'.

local mine = redis.call('SET', KEYS[2], 'open', 'NX', 'PX', ARGV[1])
return { redis.call('GET', KEYS[1]) or '', mine and 'mine' or redis.call('GET', KEYS[2]) }
