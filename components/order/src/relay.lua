-- Appends events to the stream, except those that are not newer than the last appended event of their order.
--
-- Keys: stream; by the id of each order, the last version of the order in the stream.
-- Arguments: entries, a JSON array of objects with the members order, version and fields (names and values of the entry, in
-- turn); version_lifetime and stream_lifetime, in seconds; stream_length, the approximate maximum length of the stream.

local appended = 0
for _, entry in ipairs(cjson.decode(arguments.entries)) do
  local last = redis.call('GET', keys[entry.order])
  if not last or entry.version > tonumber(last) then
    redis.call('XADD', keys.stream, 'MAXLEN', '~', arguments.stream_length, '*', unpack(entry.fields))
    redis.call('SET', keys[entry.order], string.format('%.0f', entry.version), 'EX', arguments.version_lifetime)
    appended = appended + 1
  end
end
redis.call('EXPIRE', keys.stream, arguments.stream_lifetime)
return answer({ appended = appended })
