#!/usr/bin/awk -f
# Turns the output of `go test -v` into the lines of a smoke.
/ (version|protocol): / { sub(/^.*go:[0-9]+: /, ""); sub(/: /, " "); print; next }
/^    --- PASS: TestTour\// { sub(/^.*TestTour\//, ""); sub(/ \(.*/, ""); gsub(/_/, " "); print "ok", $0; next }
/^    --- FAIL: TestTour\// { sub(/^.*TestTour\//, ""); sub(/ \(.*/, ""); gsub(/_/, " "); print "FAILED", $0; next }
/^=== / { next }
{ print }
