-- What the edge asks before it does anything for a request.
--
-- KEYS: 1 the address's bucket, 2 its failed attempts, 3 the token's verdict, 4 the token's user's bucket,
--       5 the user's revocation mark, 6 the method's own bucket of the address, 7 its own bucket of the user,
--       8 the signing keys, 9 and more: the breakers of the services
-- ARGV: 1 rate, 2 burst, 3 whether there is a token, 4 the method's rate, 5 its burst (0: the method has no bucket of
--       its own), 6 failures that close an address, 7 whether the signing keys are wanted
--
-- A token that was seen before is charged to its user, anything else to its address. The user in a token can be believed
-- as far as a verdict on that very token is there: without one, keys 4, 5 and 7 are not touched.
--
-- Answers: outcome ('allowed', 'limited' or 'closed'), the bucket's limit, what is left, milliseconds to wait, now in
-- microseconds, then the verdict, the mark, the signing keys and the breakers, each empty where there is none.

local now = microseconds()
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local has_token = ARGV[3] == '1'
local verdict, mark = '', ''

if has_token then
  verdict = redis.call('GET', KEYS[3]) or ''
  if verdict ~= '' then
    mark = redis.call('GET', KEYS[5]) or ''
  elseif tonumber(redis.call('GET', KEYS[2]) or '0') >= tonumber(ARGV[6]) then
    return { 'closed', 0, 0, redis.call('PTTL', KEYS[2]), now, '', '', '' }
  end
end

local bucket, own = KEYS[1], KEYS[6]
if verdict ~= '' then bucket, own = KEYS[4], KEYS[7] end
local allowed, left, wait = take(bucket, rate, burst, now)
local limit = burst

local own_burst = tonumber(ARGV[5])
if allowed == 1 and own_burst > 0 then
  allowed, left, wait = take(own, tonumber(ARGV[4]), own_burst, now)
  limit = own_burst
end

local keys = ''
if allowed == 1 and ARGV[7] == '1' then keys = redis.call('GET', KEYS[8]) or '' end
local answer = { allowed == 1 and 'allowed' or 'limited', limit, left, wait, now, verdict, mark, keys }
for key = 9, #KEYS do
  answer[key] = redis.call('GET', KEYS[key]) or ''
end
return answer
