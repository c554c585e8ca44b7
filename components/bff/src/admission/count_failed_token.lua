-- Counts an invalid token. Enough of them within a window block the client address for tokens without a status.
--
-- Key: failed_tokens, the number of invalid tokens from the address.
-- Arguments: most_failed_tokens, the number that blocks the address; window and block_time, in milliseconds.

local failed = redis.pcall('INCR', keys.failed_tokens)
if type(failed) ~= 'number' then
  -- The value is damaged: begin anew.
  redis.call('SET', keys.failed_tokens, 1)
  failed = 1
end
if failed == 1 then redis.call('PEXPIRE', keys.failed_tokens, arguments.window) end
if failed == tonumber(arguments.most_failed_tokens) then
  redis.call('PEXPIRE', keys.failed_tokens, arguments.block_time)
end
return answer({ failed = failed })
