package queue

import (
	"bytes"
	"errors"
	"time"
)

// Prepare checks a draft as far as that is possible without its queue and makes a message of it: characters,
// attributes, ids, the range of the delay, digests. What depends on the queue is left to the step: the size,
// which ids are needed or allowed, the content-based deduplication id. entry is the prefix for
// MissingParameter texts of a batch, e.g. "SendMessageBatchRequestEntry.1.", and empty for a single send.
//
// The message has its own copy of the body and of the attributes' values, so the caller may use the memory of
// the draft again.
func Prepare(by Caller, entry string, d *Draft) Prepared {
	if err := checkDraft(entry, d); err != nil {
		return Prepared{Err: asError(err)}
	}
	m := &Message{
		BodyMD5:         BodyMD5(d.Body),
		AttributesMD5:   AttributesMD5(d.Attributes),
		TraceHeader:     traceHeader(d),
		SenderID:        by.ID,
		GroupID:         d.GroupID,
		DeduplicationID: d.DeduplicationID,
		Size:            MessageSize(d.Body, d.Attributes),
	}
	m.Body, m.Attributes = cloneContent(d)
	return Prepared{Message: m, Delay: d.Delay, SystemMD5: AttributesMD5(d.SystemAttributes)}
}

// checkDraft says what is wrong with a draft, whatever its queue, or nil.
func checkDraft(entry string, d *Draft) error {
	if len(d.Body) == 0 {
		return MissingParameter(entry + "MessageBody")
	}
	if err := CheckBody(d.Body); err != nil {
		return err
	}
	if delayMax := int64(DelayMax / time.Second); d.Delay.Set && (d.Delay.N < 0 || d.Delay.N > delayMax) {
		return invalidValue(d.Delay.N, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
	}
	if err := CheckAttributes(d.Attributes); err != nil {
		return err
	}
	if err := checkSystemAttributes(d.SystemAttributes); err != nil {
		return err
	}
	if d.GroupIDSet {
		if err := CheckID(d.GroupID, "MessageGroupId"); err != nil {
			return err
		}
	}
	if d.DedupIDSet {
		return CheckID(d.DeduplicationID, "MessageDeduplicationId")
	}
	return nil
}

// cloneContent copies the body and the attributes of a draft into memory of their own, in one piece.
func cloneContent(d *Draft) (body []byte, attrs []MessageAttribute) {
	if len(d.Attributes) == 0 {
		return bytes.Clone(d.Body), nil
	}
	size := len(d.Body)
	for i := range d.Attributes {
		size += len(d.Attributes[i].Value)
	}
	room := make([]byte, 0, size)
	take := func(b []byte) []byte {
		start := len(room)
		room = append(room, b...)
		return room[start:len(room):len(room)]
	}
	body = take(d.Body)
	attrs = make([]MessageAttribute, len(d.Attributes))
	for i, a := range d.Attributes {
		a.Value = take(a.Value)
		attrs[i] = a
	}
	return body, attrs
}

// traceHeader returns the message's AWSTraceHeader: the attribute, or the header of the request. That header
// was not put there for the queue, so one that does not fit is left out instead of refused.
func traceHeader(d *Draft) string {
	if len(d.SystemAttributes) > 0 {
		return string(d.SystemAttributes[0].Value)
	}
	if len(d.TraceHeader) > TraceHeaderMax || !allowed([]byte(d.TraceHeader)) {
		return ""
	}
	return d.TraceHeader
}

// PrepareBatch checks a batch as a whole: entries present and not too many, ids, sum of sizes. The error is for
// Send.Invalid. Without one it prepares each entry, which may have an error of its own.
func PrepareBatch(by Caller, in *SendMessageBatchInput) ([]Prepared, error) {
	ids := func(i int) (string, bool) { return in.Entries[i].ID, in.Entries[i].IDEmpty }
	if err := checkEntries("SendMessageBatchRequestEntry", len(in.Entries), ids); err != nil {
		return nil, err
	}
	size := 0
	for i := range in.Entries {
		size += MessageSize(in.Entries[i].Body, in.Entries[i].Attributes)
	}
	if size > BatchBytesMax {
		return nil, Errorf(CodeBatchRequestTooLong, "Batch requests cannot be longer than %d bytes. You have sent %d bytes.",
			BatchBytesMax, size)
	}
	prepared := make([]Prepared, len(in.Entries))
	for i := range in.Entries {
		e := &in.Entries[i]
		prepared[i] = Prepare(by, entryPrefix("SendMessageBatchRequestEntry", i), &e.Draft)
		prepared[i].EntryID = e.ID
	}
	return prepared, nil
}

// PrepareReceipt opens the receipt handle of a single request.
func PrepareReceipt(s *Sealer, text string) HeldReceipt { return openReceipt(s, "", text) }

// PrepareDelete checks a batch as a whole, for Delete.Invalid, and opens the receipt handles of its entries.
func PrepareDelete(s *Sealer, entries []DeleteMessageBatchEntry) ([]HeldReceipt, error) {
	const kind = "DeleteMessageBatchRequestEntry"
	if err := checkEntries(kind, len(entries), func(i int) (string, bool) { return entries[i].ID, entries[i].IDEmpty }); err != nil {
		return nil, err
	}
	held := make([]HeldReceipt, len(entries))
	for i := range entries {
		held[i] = openReceipt(s, entryPrefix(kind, i), entries[i].Receipt)
	}
	return held, nil
}

// PrepareChange checks a batch as a whole, for ChangeVisibility.Invalid, and opens the receipt handles and
// checks the timeouts of its entries.
func PrepareChange(s *Sealer, entries []ChangeMessageVisibilityBatchEntry) ([]HeldReceipt, error) {
	const kind = "ChangeMessageVisibilityBatchRequestEntry"
	if err := checkEntries(kind, len(entries), func(i int) (string, bool) { return entries[i].ID, entries[i].IDEmpty }); err != nil {
		return nil, err
	}
	held := make([]HeldReceipt, len(entries))
	for i := range entries {
		prefix := entryPrefix(kind, i)
		held[i] = holdWithTimeout(s, prefix, entries[i].Receipt, entries[i].Visibility,
			"VisibilityTimeout must be an integer between 0 and 43200.")
	}
	return held, nil
}

// PrepareChangeOne opens the receipt handle and checks the timeout of a single ChangeMessageVisibility.
func PrepareChangeOne(s *Sealer, in *ChangeMessageVisibilityInput) HeldReceipt {
	return holdWithTimeout(s, "", in.Receipt, in.Visibility, "Must be between 0 and 43200.")
}

// holdWithTimeout opens a receipt handle that comes with a timeout. Missing members are told before wrong ones.
func holdWithTimeout(s *Sealer, prefix, text string, timeout Int, rangeReason string) HeldReceipt {
	held := openReceipt(s, prefix, text)
	held.Visibility = timeout
	switch {
	case text == "":
	case !timeout.Set:
		held.Err = MissingParameter(prefix + "VisibilityTimeout")
	case held.Err == nil && (timeout.N < 0 || timeout.N > int64(VisibilityMax/time.Second)):
		held.Err = invalidValue(timeout.N, "VisibilityTimeout", rangeReason)
	}
	return held
}

// openReceipt opens a receipt handle; prefix is that of the batch entry in texts.
func openReceipt(s *Sealer, prefix, text string) HeldReceipt {
	held := HeldReceipt{Text: text}
	if text == "" {
		held.Err = MissingParameter(prefix + "ReceiptHandle")
		return held
	}
	receipt, ok := s.Open(text)
	if !ok {
		held.Err = InvalidReceipt(text)
	}
	held.Receipt = receipt
	return held
}

// asError returns err, which a check of this package returned, as the type that it has.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Internal(err)
}
