package sqs

import "github.com/forebay-mq/forebay/internal/queue"

func readDeleteMessage(r *request, in *queue.DeleteMessageInput) {
	in.Queue = r.queue()
	in.Receipt = r.required("ReceiptHandle")
}

func readDeleteMessageBatch(r *request, in *queue.DeleteMessageBatchInput) {
	in.Queue = r.queue()
	for _, f := range r.structures(names{json: "Entries", query: "DeleteMessageBatchRequestEntry"}) {
		var e queue.DeleteMessageBatchEntry
		e.ID, e.IDEmpty = readEntryID(f)
		e.Receipt, _ = f.text("ReceiptHandle")
		in.Entries = append(in.Entries, e)
	}
}

func writeDeleteMessageBatch(w *reply, out *queue.BatchOutput) {
	writeBatch(w, "DeleteMessageBatchResultEntry", out)
}

// readEntryID reads the id of a batch's entry, and whether it was given as the empty text.
func readEntryID(f fields) (id string, empty bool) {
	id, given := f.text("Id")
	return id, given && id == ""
}

// writeBatch writes the fates of a batch's entries.
func writeBatch(w *reply, entry string, out *queue.BatchOutput) {
	w.beginList(names{json: "Successful", query: entry})
	for _, id := range out.Successful {
		w.beginItem()
		w.text("Id", id)
		w.endItem()
	}
	w.endList()
	writeFailures(w, out.Failed)
}

// writeFailures writes the refused entries of a batch.
func writeFailures(w *reply, list []queue.BatchFailure) {
	w.beginList(names{json: "Failed", query: "BatchResultErrorEntry"})
	for _, f := range list {
		e := wireErrorOf(f.Code)
		w.beginItem()
		w.text("Id", f.EntryID)
		w.text("Code", e.code)
		w.text("Message", f.Message)
		w.boolean("SenderFault", e.sender())
		w.endItem()
	}
	w.endList()
}
