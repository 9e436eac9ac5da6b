package conformance

import (
	"fmt"
	"slices"
	"testing"
)

// checklist is how many rows each family of the contract has.
func checklist() map[string]int {
	return map[string]int{
		"WIRE": 18, "QRY": 17, "ERR": 5, "QUE": 15, "ATTR": 17, "TAG": 4, "PURGE": 4, "CNT": 3, "SEND": 19,
		"MD5": 4, "BAT": 13, "RECV": 16, "POLL": 8, "DEL": 7, "VIS": 8, "FIFO": 17, "DEDUP": 8, "FAIR": 4,
		"DLQ": 15, "MOVE": 9, "PERM": 6, "AUTH": 6, "REC": 13,
	}
}

// TestChecklist wants every row of the contract to be among the tests, once.
func TestChecklist(t *testing.T) {
	var want []string
	for family, count := range checklist() {
		for n := range count {
			want = append(want, fmt.Sprintf("SQS-%s-%02d", family, n+1))
		}
	}
	if len(want) != 236 {
		t.Errorf("the checklist has %d rows, want 236", len(want))
	}
	times := map[string]int{}
	for _, r := range rows() {
		times[r.id]++
		if times[r.id] > 1 {
			t.Errorf("%s is tested twice", r.id)
		}
	}
	slices.Sort(want)
	for _, id := range want {
		if times[id] == 0 {
			t.Errorf("%s is not tested", id)
		}
	}
}
