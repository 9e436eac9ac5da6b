package queue

import (
	"reflect"
	"strings"
	"testing"
)

var testCaller = Caller{ID: "AIDAUSER"}

// draft returns a good draft, changed by change.
func draft(change func(*Draft)) *Draft {
	d := &Draft{Body: []byte("hello")}
	change(d)
	return d
}

func TestPrepareFillsTheMessage(t *testing.T) {
	attrs := []MessageAttribute{stringAttribute("Hello", "String", "There"), stringAttribute("General", "String", "Kenobi")}
	system := []MessageAttribute{stringAttribute("AWSTraceHeader", "String", "Root=1")}
	d := &Draft{
		Body: []byte("hello"), Delay: IntOf(900), Attributes: attrs, SystemAttributes: system, TraceHeader: "from the request",
		GroupID: "g", GroupIDSet: true, DeduplicationID: "d", DedupIDSet: true,
	}
	got := Prepare(testCaller, "", d)
	want := Prepared{
		Message: &Message{
			Body: []byte("hello"), BodyMD5: BodyMD5([]byte("hello")), Attributes: attrs, AttributesMD5: AttributesMD5(attrs),
			TraceHeader: "Root=1", SenderID: "AIDAUSER", GroupID: "g", DeduplicationID: "d", Size: 5 + 5 + 6 + 5 + 7 + 6 + 6,
		},
		Delay:     IntOf(900),
		SystemMD5: AttributesMD5(system),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v %+v, want %+v %+v", got, got.Message, want, want.Message)
	}
}

func TestPrepareLeavesOutWhatWasNotSent(t *testing.T) {
	got := Prepare(testCaller, "", &Draft{Body: []byte("hello")})
	want := Prepared{Message: &Message{Body: []byte("hello"), BodyMD5: BodyMD5([]byte("hello")), SenderID: "AIDAUSER", Size: 5}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v %+v, want %+v %+v", got, got.Message, want, want.Message)
	}
}

func TestPrepareCopies(t *testing.T) {
	d := &Draft{Body: []byte("hello"), Attributes: []MessageAttribute{binaryAttribute("a", "Binary", 1, 2), binaryAttribute("b", "Binary", 3)}}
	for _, attrs := range [][]MessageAttribute{nil, d.Attributes} {
		d.Attributes = attrs
		m := Prepare(testCaller, "", d).Message
		d.Body[0] = 'J'
		if string(m.Body) != "hello" {
			t.Errorf("the body changed with the draft to %q", m.Body)
		}
		d.Body[0] = 'h'
		if len(attrs) == 0 {
			continue
		}
		attrs[0].Value[0] = 9
		if m.Attributes[0].Value[0] != 1 {
			t.Error("an attribute changed with the draft")
		}
		if _ = append(m.Body, 'x'); m.Attributes[0].Value[0] != 1 {
			t.Error("appending to the body wrote into an attribute")
		}
	}
}

func TestPrepareTraceHeader(t *testing.T) {
	long := strings.Repeat("x", TraceHeaderMax)
	tests := []struct{ name, header, want string }{
		{"a header of the request is kept", "Root=1", "Root=1"},
		{"the longest one too", long, long},
		{"a longer one is left out", long + "x", ""},
		{"one with control characters is left out", "a\x01", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Prepare(testCaller, "", draft(func(d *Draft) { d.TraceHeader = tt.header }))
			if got.Err != nil || got.Message.TraceHeader != tt.want {
				t.Errorf("%.50q: got %+v, want %.50q", tt.header, got, tt.want)
			}
			if got.SystemMD5 != (Digest{}) {
				t.Errorf("%.50q: got a digest of system attributes, but none was sent", tt.header)
			}
		})
	}
}

func TestPrepareRefusals(t *testing.T) {
	const ipv = CodeInvalidParameterValue
	system := func(a MessageAttribute) func(*Draft) {
		return func(d *Draft) { d.SystemAttributes = []MessageAttribute{a} }
	}
	delayText := func(n string) string {
		return "Value " + n + " for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."
	}
	tests := []struct {
		name   string
		change func(*Draft)
		code   Code
		text   string
	}{
		{"no body", func(d *Draft) { d.Body = nil }, CodeMissingParameter, "The request must contain the parameter MessageBody."},
		{"a missing body is told before a bad delay", func(d *Draft) { d.Body, d.Delay = nil, IntOf(-1) }, CodeMissingParameter, "MessageBody"},
		{"a forbidden character", func(d *Draft) { d.Body = []byte("a\x00") }, CodeInvalidMessageContents, "Invalid characters found."},
		{"a body above 1 MiB is for the queue to refuse", func(d *Draft) { d.Body = make1MiB() }, 0, ""},
		{"a negative delay", func(d *Draft) { d.Delay = IntOf(-1) }, ipv, delayText("-1")},
		{"a delay of 901 seconds", func(d *Draft) { d.Delay = IntOf(901) }, ipv, delayText("901")},
		{"a delay of 900 seconds", func(d *Draft) { d.Delay = IntOf(900) }, 0, ""},
		{"a bad attribute", func(d *Draft) { d.Attributes = []MessageAttribute{stringAttribute("AWS.x", "String", "x")} }, ipv, "reserved for internal use"},
		{"a blank in the group id", func(d *Draft) { d.GroupID, d.GroupIDSet = "a b", true }, ipv, "Value a b for parameter MessageGroupId is invalid."},
		{"an empty group id", func(d *Draft) { d.GroupIDSet = true }, ipv, "parameter MessageGroupId is invalid."},
		{"a long deduplication id", func(d *Draft) { d.DeduplicationID, d.DedupIDSet = strings.Repeat("x", 129), true }, ipv,
			"Reason: MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 in length."},
		{"an empty deduplication id", func(d *Draft) { d.DedupIDSet = true }, ipv, "parameter MessageDeduplicationId is invalid."},
		{"another system attribute", system(stringAttribute("SenderId", "String", "x")), ipv, "Message system attribute name 'SenderId' is invalid."},
		{"a trace header twice", func(d *Draft) {
			d.SystemAttributes = []MessageAttribute{stringAttribute("AWSTraceHeader", "String", "x"), stringAttribute("AWSTraceHeader", "String", "y")}
		}, ipv, "Message system attribute name 'AWSTraceHeader' is invalid."},
		{"a trace header that is a number", system(stringAttribute("AWSTraceHeader", "Number", "1")), ipv, "type of message (system) attribute 'AWSTraceHeader'"},
		{"a trace header of bytes", system(binaryAttribute("AWSTraceHeader", "String", 'x')), ipv, "non-empty value of type 'String'"},
		{"an empty trace header", system(stringAttribute("AWSTraceHeader", "String", "")), ipv, "non-empty value of type 'String'"},
		{"a trace header with control characters", system(stringAttribute("AWSTraceHeader", "String", "\x01")), ipv, "value of message (system) attribute"},
		{"a very long trace header", system(stringAttribute("AWSTraceHeader", "String", strings.Repeat("x", 2049))), ipv, "at most 2048 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Prepare(testCaller, "", draft(tt.change))
			if tt.text == "" {
				if got.Err != nil || got.Message == nil {
					t.Errorf("got error %v and message %v, want a message alone", got.Err, got.Message)
				}
				return
			}
			checkRefusal(t, tt.name, got.Err, tt.code, tt.text)
			if got.Message != nil {
				t.Errorf("got a message beside the error: %+v", got.Message)
			}
		})
	}
}

// make1MiB returns a body that is one byte longer than any queue takes.
func make1MiB() []byte { return []byte(strings.Repeat("x", MessageBytesMax+1)) }

// sends returns a batch with a small body for each id.
func sends(ids ...string) *SendMessageBatchInput {
	in := &SendMessageBatchInput{}
	for _, id := range ids {
		in.Entries = append(in.Entries, SendMessageBatchEntry{ID: id, Draft: Draft{Body: []byte("hello")}})
	}
	return in
}

func TestBatchesAsAWhole(t *testing.T) {
	kinds := map[string]func(ids []string) error{
		"SendMessageBatchRequestEntry": func(ids []string) error {
			_, err := PrepareBatch(testCaller, sends(ids...))
			return err
		},
		"DeleteMessageBatchRequestEntry": func(ids []string) error {
			var entries []DeleteMessageBatchEntry
			for _, id := range ids {
				entries = append(entries, DeleteMessageBatchEntry{ID: id})
			}
			_, err := PrepareDelete(NewSealer([32]byte{}), entries)
			return err
		},
		"ChangeMessageVisibilityBatchRequestEntry": func(ids []string) error {
			var entries []ChangeMessageVisibilityBatchEntry
			for _, id := range ids {
				entries = append(entries, ChangeMessageVisibilityBatchEntry{ID: id})
			}
			_, err := PrepareChange(NewSealer([32]byte{}), entries)
			return err
		},
	}
	const badID = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."
	tests := []struct {
		name string
		ids  []string
		code Code
		text string // KIND stands for the name of an entry
	}{
		{"no entries", nil, CodeEmptyBatchRequest, "There should be at least one KIND in the request."},
		{"ten entries", strings.Split("abcdefghij", ""), 0, ""},
		{"eleven entries", strings.Split("abcdefghijk", ""), CodeTooManyEntriesInBatchRequest,
			"Maximum number of entries per request are 10. You have sent 11."},
		{"eleven entries are told before a bad id", strings.Split("abcdefghij!", ""), CodeTooManyEntriesInBatchRequest, "You have sent 11."},
		{"a missing id", []string{"a", ""}, CodeMissingParameter, "The request must contain the parameter KIND.2.Id."},
		{"a bad character", []string{"a", "b.c"}, CodeInvalidBatchEntryID, badID},
		{"an id of 80 letters", []string{strings.Repeat("x", 80)}, 0, ""},
		{"an id of 81 letters", []string{strings.Repeat("x", 81)}, CodeInvalidBatchEntryID, badID},
		{"a repeated id", []string{"a", "b", "a"}, CodeBatchEntryIdsNotDistinct, "Id a repeated."},
		{"ids differ in case", []string{"a", "A"}, 0, ""},
		{"entries are checked in order", []string{"a", "a", "!"}, CodeBatchEntryIdsNotDistinct, "Id a repeated."},
	}
	for _, tt := range tests {
		for kind, prepare := range kinds {
			t.Run(tt.name+" in "+kind, func(t *testing.T) {
				checkRefusal(t, tt.ids, prepare(tt.ids), tt.code, strings.ReplaceAll(tt.text, "KIND", kind))
			})
		}
	}
}

func TestPrepareBatchSize(t *testing.T) {
	sized := func(sizes ...int) *SendMessageBatchInput {
		in := sends(strings.Split("abcdefghij", "")[:len(sizes)]...)
		for i, size := range sizes {
			in.Entries[i].Body = []byte(strings.Repeat("x", size))
		}
		return in
	}
	withAttribute := sized(1<<20-9, 1)
	withAttribute.Entries[1].Attributes = []MessageAttribute{stringAttribute("a", "String", "é")}
	tests := []struct {
		name string
		in   *SendMessageBatchInput
		code Code
		text string
	}{
		{"exactly 1 MiB in all", sized(1<<19, 1<<19), 0, ""},
		{"one byte more", sized(1<<19, 1<<19+1), CodeBatchRequestTooLong,
			"Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes."},
		{"attributes count", withAttribute, CodeBatchRequestTooLong, "You have sent 1048577 bytes."},
		{"the sum is told even if an entry is too long by itself", sized(1<<20+1, 0), CodeBatchRequestTooLong, "You have sent 1048577 bytes."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := PrepareBatch(testCaller, tt.in)
			checkRefusal(t, tt.name, err, tt.code, tt.text)
		})
	}
}

func TestPrepareBatchEntriesFailAlone(t *testing.T) {
	in := sends("a", "b", "c", "d")
	in.Entries[1].Body = nil
	in.Entries[2].Body = []byte("\x00")
	got, err := PrepareBatch(testCaller, in)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range []string{"a", "b", "c", "d"} {
		if got[i].EntryID != id {
			t.Errorf("entry %d has the id %q, want %q", i, got[i].EntryID, id)
		}
	}
	if got[0].Err != nil || got[3].Err != nil || got[0].Message == nil || got[3].Message == nil {
		t.Errorf("the good entries are %+v and %+v", got[0], got[3])
	}
	checkRefusal(t, "b", got[1].Err, CodeMissingParameter, "The request must contain the parameter SendMessageBatchRequestEntry.2.MessageBody.")
	checkRefusal(t, "c", got[2].Err, CodeInvalidMessageContents, "Invalid characters found.")
}

func TestPrepareReceipts(t *testing.T) {
	s := NewSealer([32]byte{1})
	receipt := Receipt{Queue: 1, Seq: 2, Attempt: 3, Epoch: 4}
	handle := s.Seal(receipt)
	const garbage = `The input receipt handle "junk" is not a valid receipt handle.`
	tests := []struct {
		name    string
		handle  string
		timeout Int
		code    Code // of a change; a deletion knows those about the handle alone
		text    string
		ofTime  bool   // the timeout is what is wrong
		single  string // text of the single call where it differs
	}{
		{"a good one", handle, IntOf(0), 0, "", false, ""},
		{"12 hours", handle, IntOf(43200), 0, "", false, ""},
		{"no handle", "", IntOf(1), CodeMissingParameter, "The request must contain the parameter KIND.2.ReceiptHandle.", false, ""},
		{"no handle and no timeout", "", Int{}, CodeMissingParameter, "The request must contain the parameter KIND.2.ReceiptHandle.", false, ""},
		{"garbage", "junk", IntOf(1), CodeReceiptHandleIsInvalid, garbage, false, ""},
		{"garbage and a bad timeout", "junk", IntOf(-1), CodeReceiptHandleIsInvalid, garbage, false, ""},
		{"no timeout", handle, Int{}, CodeMissingParameter, "The request must contain the parameter KIND.2.VisibilityTimeout.", true, ""},
		{"a negative timeout", handle, IntOf(-1), CodeInvalidParameterValue, "Value -1 for parameter VisibilityTimeout is invalid. " +
			"Reason: VisibilityTimeout must be an integer between 0 and 43200.", true, "Reason: Must be between 0 and 43200."},
		{"a second more than 12 hours", handle, IntOf(43201), CodeInvalidParameterValue, "Value 43201 for parameter VisibilityTimeout is invalid. " +
			"Reason: VisibilityTimeout must be an integer between 0 and 43200.", true, "Reason: Must be between 0 and 43200."},
	}
	check := func(t *testing.T, got HeldReceipt, handle, prefix string, code Code, text string) {
		t.Helper()
		checkHeld(t, got, HeldReceipt{Receipt: receipt, Text: handle}, prefix, code, text)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			changes, err := PrepareChange(s, []ChangeMessageVisibilityBatchEntry{
				{ID: "a", Receipt: handle, Visibility: IntOf(1)}, {ID: "b", Receipt: tt.handle, Visibility: tt.timeout}})
			if err != nil || changes[0].Err != nil {
				t.Fatalf("got %v and %v, want no error", err, changes[0].Err)
			}
			check(t, changes[1], tt.handle, "ChangeMessageVisibilityBatchRequestEntry.2.", tt.code, tt.text)
			if changes[1].Visibility != tt.timeout {
				t.Errorf("got timeout %v, want %v", changes[1].Visibility, tt.timeout)
			}

			single := tt.text
			if tt.single != "" {
				single = tt.single
			}
			check(t, PrepareChangeOne(s, &ChangeMessageVisibilityInput{Receipt: tt.handle, Visibility: tt.timeout}), tt.handle, "", tt.code, single)

			code, text := tt.code, tt.text
			if tt.ofTime {
				code, text = 0, ""
			}
			deletes, err := PrepareDelete(s, []DeleteMessageBatchEntry{{ID: "a", Receipt: handle}, {ID: "b", Receipt: tt.handle}})
			if err != nil || deletes[0].Err != nil {
				t.Fatalf("got %v and %v, want no error", err, deletes[0].Err)
			}
			check(t, deletes[1], tt.handle, "DeleteMessageBatchRequestEntry.2.", code, text)
			check(t, PrepareReceipt(s, tt.handle), tt.handle, "", code, text)
		})
	}
}

// checkHeld compares a held receipt with the one it should be, or its error with code and text; prefix is what
// KIND and the number in text stand for.
func checkHeld(t *testing.T, got, want HeldReceipt, prefix string, code Code, text string) {
	t.Helper()
	var err error
	if got.Err != nil {
		err = got.Err
	}
	checkRefusal(t, prefix+want.Text, err, code, strings.ReplaceAll(text, "KIND.2.", prefix))
	if got.Text != want.Text {
		t.Errorf("%s: the text is %q", want.Text, got.Text)
	}
	if got.Err == nil && got.Receipt != want.Receipt {
		t.Errorf("%s: got %+v, want %+v", want.Text, got.Receipt, want.Receipt)
	}
}

func BenchmarkPrepare(b *testing.B) {
	d := &Draft{Body: []byte(strings.Repeat("x", 1024)), Attributes: []MessageAttribute{stringAttribute("color", "String", "blue")}}
	b.ReportAllocs()
	for b.Loop() {
		if p := Prepare(testCaller, "", d); p.Err != nil {
			b.Fatal(p.Err)
		}
	}
}
