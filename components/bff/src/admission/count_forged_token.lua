-- Counts a request with a token that is not the issuer's.
--
-- Key: forged_tokens, the bucket of the client address for such requests.
-- Arguments: rate, burst.
--
-- Answers: allowed, 1 or 0; retry_after, in milliseconds.

local allowed, _, retry_after = take(
  keys.forged_tokens, tonumber(arguments.rate), tonumber(arguments.burst), microseconds())
return answer({ allowed = allowed and 1 or 0, retry_after = retry_after })
