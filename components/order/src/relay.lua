-- KEYS: the stream, then for each event what keeps the last version told of its order.
-- ARGV: seconds to keep versions, seconds to keep the stream, its greatest length, then for each event
-- its id, its type, its order, the order's version, its payload.
local told = 0
for n = 2, #KEYS do
  local at = 4 + (n - 2) * 5
  local version = ARGV[at + 3]
  local last = redis.call('GET', KEYS[n])
  if not last or tonumber(version) > tonumber(last) then
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'id', ARGV[at], 'type', ARGV[at + 1],
      'order_id', ARGV[at + 2], 'version', version, 'payload', ARGV[at + 4])
    redis.call('SET', KEYS[n], version, 'EX', ARGV[1])
    told = told + 1
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return { told }
