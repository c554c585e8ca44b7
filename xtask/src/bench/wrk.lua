-- What wrk sends, and how it tells what came back.
-- Arguments: the path of an RPC, a file with a JSON message a line, and maybe a file with a token a line, of which this many
-- are passed over. Without any: GET / .

local requests = {}
local sent = 0

function init(arguments)
  if not arguments[1] then
    requests[1] = wrk.format("GET", "/")
    return
  end
  wrk.headers["Content-Type"] = "application/json"
  local messages = {}
  for message in io.lines(arguments[2]) do
    messages[#messages + 1] = message
  end
  if not arguments[3] then
    for index, message in ipairs(messages) do
      requests[index] = wrk.format("POST", arguments[1], nil, message)
    end
    return
  end
  local passed = tonumber(arguments[4])
  for token in io.lines(arguments[3]) do
    passed = passed - 1
    if passed < 0 then
      wrk.headers["Authorization"] = "Bearer " .. token
      requests[#requests + 1] = wrk.format("POST", arguments[1], nil, messages[#requests % #messages + 1])
    end
  end
end

function request()
  sent = sent % #requests + 1
  return requests[sent]
end

function done(summary, latency)
  local errors = summary.errors
  local lost = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format(
    'akinai: {"requests":%d,"lost":%d,"duration":%d,"p50":%.1f,"p99":%.1f}',
    summary.requests, lost, summary.duration, latency:percentile(50), latency:percentile(99)
  ))
end
