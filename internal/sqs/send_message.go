package sqs

import "github.com/forebay-mq/forebay/internal/queue"

func readSendMessage(r *request, in *queue.SendMessageInput) {
	in.Queue = r.queue()
	readDraft(r, &in.Draft)
	in.TraceHeader = traceHeader(r.header)
}

func writeSendMessage(w *reply, out *queue.SendMessageOutput) { writeSent(w, &out.Sent) }

func readSendMessageBatch(r *request, in *queue.SendMessageBatchInput) {
	in.Queue = r.queue()
	trace := traceHeader(r.header)
	for _, f := range r.structures(names{json: "Entries", query: "SendMessageBatchRequestEntry"}) {
		var e queue.SendMessageBatchEntry
		e.ID, e.IDEmpty = readEntryID(f)
		readDraft(f, &e.Draft)
		e.TraceHeader = trace
		in.Entries = append(in.Entries, e)
	}
}

func writeSendMessageBatch(w *reply, out *queue.SendMessageBatchOutput) {
	w.beginList(names{json: "Successful", query: "SendMessageBatchResultEntry"})
	for i := range out.Successful {
		w.beginItem()
		w.text("Id", out.Successful[i].EntryID)
		writeSent(w, &out.Successful[i].Sent)
		w.endItem()
	}
	w.endList()
	writeFailures(w, out.Failed)
}

// writeSent writes the fate of a message, alone or in a batch.
func writeSent(w *reply, s *queue.Sent) {
	w.text("MessageId", s.ID.String())
	w.text("MD5OfMessageBody", s.BodyMD5.String())
	w.digest("MD5OfMessageAttributes", s.AttributesMD5)
	w.digest("MD5OfMessageSystemAttributes", s.SystemAttributesMD5)
	w.optional("SequenceNumber", sequenceText(s.Sequence))
}
