-- One line of plain numbers instead of wrk's rounded ones.
done = function(summary, latency, requests)
   local errors = summary.errors
   local faults = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   io.write(string.format("summary %d %d %d %d\n",
      summary.requests, summary.bytes, summary.duration, faults))
end
