package bench

import (
	"testing"
	"time"
)

// TestALedgerAccusesOnlyWhatIsCertain plays deliveries by the clock, in seconds; visibility is 30.
func TestALedgerAccusesOnlyWhatIsCertain(t *testing.T) {
	at := func(seconds int) time.Duration { return time.Duration(seconds) * time.Second }
	one, two := stamp{sequence: 1}, stamp{sequence: 2}
	for _, row := range []struct {
		name                         string
		play                         func(*ledger)
		lost, duplicates, twice, out int64
		outstanding                  int64
	}{
		{"sent, received, deleted", func(l *ledger) { l.acked(one); l.received(one, at(0), at(1), false); l.deleted(one, at(0), at(2)) }, 0, 0, 0, 0, 0},
		{"received before the acknowledgement was seen", func(l *ledger) { l.received(one, at(0), at(1), false); l.deleted(one, at(0), at(2)); l.acked(one) }, 0, 0, 0, 0, 0},
		{"never received", func(l *ledger) { l.acked(one) }, 1, 0, 0, 0, 1},
		{"not acknowledged and never received", func(*ledger) {}, 0, 0, 0, 0, 0},
		{"received again after the timeout", func(l *ledger) {
			l.acked(one)
			l.received(one, at(0), at(1), false)
			l.received(one, at(40), at(41), false)
		}, 0, 1, 0, 0, 1},
		{"received again too early", func(l *ledger) {
			l.acked(one)
			l.received(one, at(0), at(1), false)
			l.received(one, at(20), at(21), false)
		}, 0, 1, 1, 0, 1},
		{"received again, perhaps after the timeout: the first call was long", func(l *ledger) {
			l.acked(one)
			l.received(one, at(0), at(20), false)
			l.received(one, at(30), at(31), false)
		}, 0, 1, 0, 0, 1},
		{"received after its delete", func(l *ledger) {
			l.acked(one)
			l.received(one, at(0), at(1), false)
			l.deleted(one, at(0), at(2))
			l.received(one, at(100), at(101), false)
		}, 0, 1, 1, 0, 0},
		{"received after a delete that may have come too late", func(l *ledger) {
			l.acked(one)
			l.received(one, at(0), at(1), false)
			l.deleted(one, at(0), at(31))
			l.received(one, at(32), at(33), false)
		}, 0, 1, 0, 0, 0},
		{"out of order in a group", func(l *ledger) {
			l.acked(one)
			l.acked(two)
			l.received(two, at(0), at(1), true)
			l.received(one, at(0), at(1), true)
		}, 0, 0, 0, 1, 2},
		{"out of order where there is no order", func(l *ledger) {
			l.acked(one)
			l.acked(two)
			l.received(two, at(0), at(1), false)
			l.received(one, at(0), at(1), false)
		}, 0, 0, 0, 0, 2},
		{"out of order, but its send was never answered", func(l *ledger) {
			l.acked(two)
			l.received(two, at(0), at(1), true)
			l.received(one, at(0), at(1), true)
		}, 0, 0, 0, 0, 1},
	} {
		l := newLedger(30 * time.Second)
		row.play(l)
		a := l.audit(true, true)
		if a.lost != row.lost || a.duplicates != row.duplicates || a.twice != row.twice || a.misordered != row.out || l.outstanding.Load() != row.outstanding {
			t.Errorf("%s: got %+v, outstanding %d; want lost %d, duplicates %d, twice %d, out of order %d, outstanding %d",
				row.name, a, l.outstanding.Load(), row.lost, row.duplicates, row.twice, row.out, row.outstanding)
		}
	}
}
