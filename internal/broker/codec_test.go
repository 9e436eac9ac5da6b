package broker

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/forebay-mq/forebay/internal/queue"
)

// Generators of stored values.
var (
	anyMillis = rapid.Custom(func(t *rapid.T) queue.Millis { return queue.Millis(rapid.Int64().Draw(t, "millis")) })
	anyDigest = rapid.Custom(func(t *rapid.T) queue.Digest {
		return queue.Digest(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "digest"))
	})
	anyAttribute = rapid.Custom(func(t *rapid.T) queue.MessageAttribute {
		return queue.MessageAttribute{
			Name: rapid.String().Draw(t, "name"), DataType: rapid.String().Draw(t, "type"),
			Kind:  queue.ValueKind(rapid.IntRange(0, 3).Draw(t, "kind")),
			Value: rapid.SliceOfN(rapid.Byte(), 1, 50).Draw(t, "value"),
		}
	})
)

func anyMessage(t *rapid.T) *queue.Message {
	m := &queue.Message{
		ID:              queue.MessageID(anyDigest.Draw(t, "id")),
		Sent:            anyMillis.Draw(t, "sent"),
		Due:             anyMillis.Draw(t, "due"),
		Body:            rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, "body"),
		BodyMD5:         anyDigest.Draw(t, "body MD5"),
		TraceHeader:     rapid.String().Draw(t, "trace"),
		SenderID:        rapid.String().Draw(t, "sender"),
		GroupID:         rapid.String().Draw(t, "group"),
		DeduplicationID: rapid.String().Draw(t, "dedup"),
		SourceARN:       rapid.String().Draw(t, "source"),
		Receives:        rapid.Uint32().Draw(t, "receives"),
		First:           anyMillis.Draw(t, "first"),
		Size:            rapid.IntRange(0, 1<<21).Draw(t, "size"),
	}
	if n := rapid.IntRange(0, 10).Draw(t, "attributes"); n > 0 {
		m.Attributes = rapid.SliceOfN(anyAttribute, n, n).Draw(t, "attribute")
		m.AttributesMD5 = anyDigest.Draw(t, "attributes MD5")
	}
	return m
}

func TestMessagesComeBackAsTheyWereStored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := anyMessage(t)
		header := appendHeader(nil, m)
		body := append(appendAttributes(nil, m), m.Body...)
		got, err := decodeMessage(header, body)
		if diff := cmp.Diff(m, got); err != nil || diff != "" {
			t.Fatalf("whole message: %v, difference (-want +got):\n%s", err, diff)
		}
		m.Body, m.Attributes = nil, nil
		got, err = decodeMessage(header, nil)
		if diff := cmp.Diff(m, got); err != nil || diff != "" {
			t.Fatalf("header alone: %v, difference (-want +got):\n%s", err, diff)
		}
	})
}

func TestSmallValuesComeBackAsTheyWereStored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state := queue.State{
			Visible: anyMillis.Draw(t, "visible"), Received: anyMillis.Draw(t, "received"), First: anyMillis.Draw(t, "first"),
			Receives: rapid.Uint32().Draw(t, "receives"), Epoch: rapid.Uint32().Draw(t, "epoch"), Sent: anyMillis.Draw(t, "sent"),
			Size: rapid.Uint32().Draw(t, "size"), Delayed: rapid.Bool().Draw(t, "delayed"),
			GroupID: rapid.String().Draw(t, "group"), Adopted: rapid.Bool().Draw(t, "adopted"),
			Late: rapid.Uint32().Draw(t, "late") * uint32(rapid.IntRange(0, 1).Draw(t, "is late")),
		}
		if got, err := decodeState(appendState(nil, &state)); err != nil || got != state {
			t.Fatalf("state: got %+v, %v, want %+v", got, err, state)
		}
		mark := queue.Mark{
			Next: queue.Seq(rapid.Uint64().Draw(t, "next")), Low: queue.Seq(rapid.Uint64().Draw(t, "low")),
			Live: rapid.Int64().Draw(t, "live"), Bytes: rapid.Int64().Draw(t, "bytes"), Now: anyMillis.Draw(t, "now"),
		}
		if got, err := decodeMark(appendMark(nil, mark)); err != nil || got != mark {
			t.Fatalf("mark: got %+v, %v, want %+v", got, err, mark)
		}
		send := queue.RememberedSend{
			Key: [16]byte(anyDigest.Draw(t, "key")), ID: queue.MessageID(anyDigest.Draw(t, "id")), Seq: mark.Next, Sent: mark.Now,
		}
		if got, err := decodeSend(send.Key[:], appendSend(nil, &send)); err != nil || got != send {
			t.Fatalf("remembered send: got %+v, %v, want %+v", got, err, send)
		}
		if got, err := decodeDeleted(appendDeleted(nil, mark.Now)); err != nil || got != mark.Now {
			t.Fatalf("deleted name: got %d, %v, want %d", got, err, mark.Now)
		}
	})
}

// goldenConfig and goldenTask use every field, so that a renamed one is noticed.
var (
	goldenConfig = &queue.Config{
		Name: "q.fifo", Created: 1, Modified: 2, Purged: 3, Tags: map[string]string{"k": "v"},
		Attributes: queue.Attributes{
			Visibility: 1, MaxBytes: 2, Retention: 3, Delay: 4, Wait: 5, Policy: "p",
			Redrive:     &queue.RedrivePolicy{TargetARN: "t", MaxReceives: 6},
			RedriveFrom: &queue.RedriveAllowPolicy{Permission: "byQueue", SourceARNs: []string{"s"}},
			KMSKey:      "key", KMSReuse: 7, ManagedSSE: true, FIFO: true, ContentDedup: true, DedupByGroup: true, LimitPerGroup: true,
		},
	}
	goldenTask = &queue.Task{ID: "id", Source: 1, UpTo: 2, MoveTask: queue.MoveTask{
		Handle: "h", Status: queue.MoveRunning, SourceARN: "s", DestinationARN: "d", Rate: 3, Moved: 4, ToMove: 5, Started: 6,
		FailureReason: "r",
	}}
	goldenState = queue.State{
		Visible: 1, Received: 2, First: 3, Receives: 4, Epoch: 5, Sent: 6, Size: 7, Delayed: true, GroupID: "g", Adopted: true, Late: 8,
	}
	goldenMark = queue.Mark{Next: 1, Low: 2, Live: 3, Bytes: 4, Now: 5}
	goldenSend = queue.RememberedSend{Key: [16]byte{1}, ID: queue.MessageID{2}, Seq: 3, Sent: 4}
	goldenMsg  = &queue.Message{
		ID: queue.MessageID{1}, Sent: 2, Due: 3, Body: []byte("body"), BodyMD5: queue.Digest{4},
		Attributes:    []queue.MessageAttribute{{Name: "n", DataType: "String", Kind: queue.KindString, Value: []byte("v")}},
		AttributesMD5: queue.Digest{5}, TraceHeader: "t", SenderID: "s", GroupID: "g", DeduplicationID: "d", SourceARN: "a",
		Receives: 6, First: 7, Size: 8,
	}
)

// What version 1 of each encoding looks like on disk. These texts must never change: data folders hold them.
const (
	goldenConfigText = `{"Name":"q.fifo","Created":1,"Modified":2,"Purged":3,"Attributes":{"Visibility":1,"MaxBytes":2,` +
		`"Retention":3,"Delay":4,"Wait":5,"Policy":"p","Redrive":{"TargetARN":"t","MaxReceives":6},` +
		`"RedriveFrom":{"Permission":"byQueue","SourceARNs":["s"]},"KMSKey":"key","KMSReuse":7,"ManagedSSE":true,` +
		`"FIFO":true,"ContentDedup":true,"DedupByGroup":true,"LimitPerGroup":true},"Tags":{"k":"v"}}`
	goldenTaskText = `{"ID":"id","Source":1,"UpTo":2,"Handle":"h","Status":"RUNNING","SourceARN":"s",` +
		`"DestinationARN":"d","Rate":3,"Moved":4,"ToMove":5,"Started":6,"FailureReason":"r"}`
	goldenStateHex   = "0107020406" + "0c04050701" + "67" + "08"
	goldenMarkHex    = "010102" + "06080a"
	goldenSendHex    = "01" + "02000000000000000000000000000000" + "0308"
	goldenDeletedHex = "010a"
	goldenHeaderHex  = "0101" + "01000000000000000000000000000000" + "04000000000000000000000000000000" +
		"05000000000000000000000000000000" + "04060e" + "0608" + "0174" + "0173" + "0167" + "0164" + "0161"
	goldenBodyHex = "0c" + "016e" + "06537472696e67" + "01" + "0176" + "626f6479"
)

func TestStoredValuesStayReadable(t *testing.T) {
	body := append(appendAttributes(nil, goldenMsg), goldenMsg.Body...)
	for _, row := range []struct {
		name   string
		wrote  []byte
		stored string // hex
		decode func(data []byte) (any, error)
		want   any
	}{
		{"configuration", appendJSON(nil, goldenConfig), "01" + hex.EncodeToString([]byte(goldenConfigText)),
			func(data []byte) (any, error) { return decodeConfig(data) }, goldenConfig},
		{"task", appendJSON(nil, goldenTask), "01" + hex.EncodeToString([]byte(goldenTaskText)),
			func(data []byte) (any, error) { return decodeTask(data) }, goldenTask},
		{"state", appendState(nil, &goldenState), goldenStateHex,
			func(data []byte) (any, error) { return decodeState(data) }, goldenState},
		{"mark", appendMark(nil, goldenMark), goldenMarkHex,
			func(data []byte) (any, error) { return decodeMark(data) }, goldenMark},
		{"remembered send", appendSend(nil, &goldenSend), goldenSendHex,
			func(data []byte) (any, error) { return decodeSend(goldenSend.Key[:], data) }, goldenSend},
		{"deleted name", appendDeleted(nil, 5), goldenDeletedHex,
			func(data []byte) (any, error) { return decodeDeleted(data) }, queue.Millis(5)},
		{"message header", appendHeader(nil, goldenMsg), goldenHeaderHex,
			func(data []byte) (any, error) { return decodeMessage(data, body) }, goldenMsg},
		{"message body part", body, goldenBodyHex,
			func(data []byte) (any, error) { return decodeMessage(appendHeader(nil, goldenMsg), data) }, goldenMsg},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := hex.EncodeToString(row.wrote); got != row.stored {
				t.Errorf("encoding: got %s (%q), want %s", got, row.wrote, row.stored)
			}
			stored, err := hex.DecodeString(row.stored)
			if err != nil {
				t.Fatalf("golden value: %v", err)
			}
			got, err := row.decode(stored)
			if diff := cmp.Diff(row.want, got); err != nil || diff != "" {
				t.Errorf("decoding: %v, difference (-want +got):\n%s", err, diff)
			}
			for n := range stored {
				if n == len(stored)-4 && row.name == "message body part" {
					break // what is behind the attributes is the body, however long
				}
				if _, err := row.decode(stored[:n]); !errors.Is(err, ErrDamaged) {
					t.Errorf("cut to %d of %d bytes: got %v, want %v", n, len(stored), err, ErrDamaged)
				}
			}
			stored[0]++
			if _, err := row.decode(stored); !errors.Is(err, ErrDamaged) {
				t.Errorf("changed first byte: got %v, want %v", err, ErrDamaged)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	body := append(appendAttributes(nil, goldenMsg), goldenMsg.Body...)
	f.Add(appendHeader(nil, goldenMsg), body)
	f.Add(appendState(nil, &goldenState), appendMark(nil, goldenMark))
	f.Add(appendSend(nil, &goldenSend), appendDeleted(nil, 5))
	f.Add(appendJSON(nil, goldenConfig), appendJSON(nil, goldenTask))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		check := func(what string, err error) {
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: got %v, want %v", what, err, ErrDamaged)
			}
		}
		m, err := decodeMessage(first, second)
		check("message", err)
		if err == nil && second != nil && !bytes.HasSuffix(second, m.Body) {
			t.Errorf("body %q is no end of %q", m.Body, second)
		}
		for _, data := range [][]byte{first, second} {
			_, err := decodeState(data)
			check("state", err)
			_, err = decodeMark(data)
			check("mark", err)
			_, err = decodeSend(second, data)
			check("remembered send", err)
			_, err = decodeDeleted(data)
			check("deleted name", err)
			_, err = decodeConfig(data)
			check("configuration", err)
			_, err = decodeTask(data)
			check("task", err)
			if err := Apply(data, memTables{}); err != nil && !errors.Is(err, ErrBatch) {
				t.Errorf("batch: got %v, want %v", err, ErrBatch)
			}
		}
	})
}
