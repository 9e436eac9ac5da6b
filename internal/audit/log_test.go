package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var stranger = netip.MustParseAddr("203.0.113.9")

func denied(address netip.Addr, request string) Entry {
	return Entry{RequestID: request, Action: "SendMessage", Queue: "orders", Address: address, Result: "AccessDenied", Status: 403}
}

// entries reads the lines of a log.
func entries(t *testing.T, out *bytes.Buffer) []Entry {
	t.Helper()
	var list []Entry
	for line := range strings.Lines(out.String()) {
		var e Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		list = append(list, e)
	}
	out.Reset()
	return list
}

func TestALineHasWhatIsKnownAndNothingElse(t *testing.T) {
	var out bytes.Buffer
	l := New(&out, Options{})
	at := time.Date(2026, 11, 20, 12, 0, 0, 123456789, time.FixedZone("", 3600))
	l.Record(Entry{Time: at, RequestID: "r", Action: "SetQueueAttributes", Queue: "orders", Changed: []string{"Policy"},
		Principal: "arn:aws:iam::000000000000:root", Key: "FB1", Address: stranger, Secure: true, Result: ResultOK, Status: 200})
	l.Record(Entry{Time: at, Result: "SignatureDoesNotMatch"})
	want := `{"time":"2026-11-20T11:00:00.123457Z","request_id":"r","action":"SetQueueAttributes","queue":"orders","changed":["Policy"],` +
		`"principal":"arn:aws:iam::000000000000:root","key":"FB1","address":"203.0.113.9","tls":true,"result":"ok","status":200}` + "\n" +
		`{"time":"2026-11-20T11:00:00.123457Z","result":"SignatureDoesNotMatch"}` + "\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var none *Log
	none.Record(Entry{})
	none.Close()
}

func TestAFloodOfRefusalsIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := New(&out, Options{})
		for n := range RefusalsMax + 33 {
			l.Record(denied(stranger, fmt.Sprint(n)))
		}
		other := netip.MustParseAddr("203.0.113.10")
		l.Record(denied(other, "other"))
		l.Record(Entry{Action: "DeleteQueue", Address: stranger, Result: ResultOK})
		got := entries(t, &out)
		if len(got) != RefusalsMax+2 || got[RefusalsMax].Address != other || got[RefusalsMax+1].Action != "DeleteQueue" {
			t.Fatalf("got %d lines, want %d: the first refusals of each address, and every change", len(got), RefusalsMax+2)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		got = entries(t, &out)
		if len(got) != 1 || got[0].Repeated != 33 || got[0].Address != stranger || got[0].Queue != "orders" || got[0].RequestID != "" {
			t.Fatalf("after a minute: got %+v, want one line for 33 refusals", got)
		}
		l.Record(denied(stranger, "later"))
		if got = entries(t, &out); len(got) != 1 || got[0].RequestID != "later" {
			t.Errorf("in the next minute: got %+v", got)
		}
		for range RefusalsMax {
			l.Record(denied(stranger, "again"))
		}
		out.Reset()
		l.Close()
		if got = entries(t, &out); len(got) != 1 || got[0].Repeated != 1 {
			t.Errorf("at the end: got %+v, want one refusal counted", got)
		}
	})
}

func TestManyAddressesShareWhatIsLeft(t *testing.T) {
	var out bytes.Buffer
	l := New(&out, Options{})
	now := time.Now()
	for n := range 3 * AddressesMax {
		e := denied(netip.AddrFrom4([4]byte{10, 1, byte(n >> 8), byte(n)}), "")
		e.Time = now
		l.Record(e)
	}
	if got := len(entries(t, &out)); got != AddressesMax+RefusalsMax {
		t.Errorf("got %d lines, want %d", got, AddressesMax+RefusalsMax)
	}
	if got := len(l.refusals.of); got > AddressesMax+1 {
		t.Errorf("%d addresses are remembered, at most %d should be", got, AddressesMax+1)
	}
	l.Close()
	got := entries(t, &out)
	if len(got) != 1 || got[0].Repeated != 2*AddressesMax-RefusalsMax || got[0].Address.IsValid() {
		t.Errorf("at the end: got %+v, want one line without an address", got)
	}
}

func TestALogThatFailsIsToldOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		l := New(failing{}, Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		for range 3 {
			l.Record(Entry{Result: ResultOK})
		}
		time.Sleep(time.Minute)
		l.Record(Entry{Result: ResultOK})
		if got := strings.Count(logged.String(), "the audit log cannot be written"); got != 2 {
			t.Errorf("told %d times, want 2:\n%s", got, logged.String())
		}
	})
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

var _ io.Writer = failing{}
