package sqs

import "github.com/forebay-mq/forebay/internal/queue"

func readChangeMessageVisibility(r *request, in *queue.ChangeMessageVisibilityInput) {
	in.Queue = r.queue()
	in.Receipt = r.required("ReceiptHandle")
	in.Visibility = r.number("VisibilityTimeout")
	if !in.Visibility.Set {
		r.failure.note(queue.MissingParameter("VisibilityTimeout"))
	}
}

func readChangeMessageVisibilityBatch(r *request, in *queue.ChangeMessageVisibilityBatchInput) {
	in.Queue = r.queue()
	for _, f := range r.structures(names{json: "Entries", query: "ChangeMessageVisibilityBatchRequestEntry"}) {
		var e queue.ChangeMessageVisibilityBatchEntry
		e.ID, e.IDEmpty = readEntryID(f)
		e.Receipt, _ = f.text("ReceiptHandle")
		e.Visibility = f.number("VisibilityTimeout")
		in.Entries = append(in.Entries, e)
	}
}

func writeChangeMessageVisibilityBatch(w *reply, out *queue.BatchOutput) {
	writeBatch(w, "ChangeMessageVisibilityBatchResultEntry", out)
}
