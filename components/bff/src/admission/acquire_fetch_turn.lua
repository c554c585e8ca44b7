-- Acquires the turn to fetch the issuer's signing keys, because a token names an unknown one.
--
-- Keys: signing_keys; fetch_turn, which exists for a while after an instance has acquired the turn.
-- Argument: interval, the shortest time between two fetches over all instances, in milliseconds.
--
-- Answers: signing_keys; turn: 'acquired', or the turn of another instance: 'open' while it fetches, then 'over'.

local acquired = redis.call('SET', keys.fetch_turn, 'open', 'NX', 'PX', arguments.interval)
return answer({
  signing_keys = text(keys.signing_keys),
  turn = acquired and 'acquired' or text(keys.fetch_turn),
})
