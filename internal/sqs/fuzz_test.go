package sqs

import (
	"maps"
	"slices"
	"testing"
)

// FuzzFront sends any bytes as the body of any action, in both forms. Whatever they are, the answer is a result
// or the client's fault.
func FuzzFront(f *testing.F) {
	names := slices.Sorted(maps.Keys(actions))
	for _, c := range actionCases() {
		i := slices.Index(names, c.action())
		f.Add(uint8(i), c.json)
		f.Add(uint8(i), c.form())
	}
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		action := names[int(which)%len(names)]
		h := newFront(&fake{})
		if got := sendJSON(h, action, body); got.status >= 500 {
			t.Errorf("%s in JSON is answered %d %s", action, got.status, got.body)
		}
		if got := sendQuery(h, "/", "Action="+action+"&"+body); got.status >= 500 {
			t.Errorf("%s in Query is answered %d %s", action, got.status, got.body)
		}
	})
}
