-- The requests of wrk, and the report about the responses.
-- Arguments: the path of an RPC, a file with one JSON message per line, the number of its lines to skip, and optionally a file
-- with one token per line and the number of its lines to skip. Without arguments: GET / .
--
-- The longer file decides the number of requests. The lines of the shorter file are used repeatedly.

local requests = {}
local sent = 0

local function lines(file, skipped)
  local found = {}
  for line in io.lines(file) do
    skipped = skipped - 1
    if skipped < 0 then
      found[#found + 1] = line
    end
  end
  return found
end

function init(arguments)
  if not arguments[1] then
    requests[1] = wrk.format("GET", "/")
    return
  end
  wrk.headers["Content-Type"] = "application/json"
  local messages = lines(arguments[2], tonumber(arguments[3]))
  local tokens = {}
  if arguments[4] then
    tokens = lines(arguments[4], tonumber(arguments[5]))
  end
  for index = 0, math.max(#messages, #tokens) - 1 do
    if #tokens > 0 then
      wrk.headers["Authorization"] = "Bearer " .. tokens[index % #tokens + 1]
    end
    requests[index + 1] = wrk.format("POST", arguments[1], nil, messages[index % #messages + 1])
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
