-- Keys, arguments and the answer by their names.
--
-- ARGV has the name of each key, in the order of KEYS, and then each argument after its name.
local keys, arguments = {}, {}
for i = 1, #KEYS do keys[ARGV[i]] = KEYS[i] end
for i = #KEYS + 1, #ARGV, 2 do arguments[ARGV[i]] = ARGV[i + 1] end

-- The text of a key. Nil if the key is missing, empty or not a text: a damaged value counts as none, and stops no script.
local function text(key)
  local value = redis.pcall('GET', key)
  if type(value) == 'string' and value ~= '' then return value end
end

-- The values of a table, each after its name. A value that is nil or false is left out: GET answers false for a missing key.
local function answer(values)
  local list = {}
  for name, value in pairs(values) do
    if value then
      list[#list + 1] = name
      list[#list + 1] = value
    end
  end
  return list
end

