package sqs

import "github.com/forebay-mq/forebay/internal/queue"

func readStartMessageMoveTask(r *request, in *queue.StartMessageMoveTaskInput) {
	in.SourceARN = r.required("SourceArn")
	in.DestinationARN = r.optional("DestinationArn")
	in.Rate = r.number("MaxNumberOfMessagesPerSecond")
}

func writeStartMessageMoveTask(w *reply, out *queue.StartMessageMoveTaskOutput) {
	w.text("TaskHandle", out.TaskHandle)
}

func readCancelMessageMoveTask(r *request, in *queue.CancelMessageMoveTaskInput) {
	in.TaskHandle = r.required("TaskHandle")
}

func writeCancelMessageMoveTask(w *reply, out *queue.CancelMessageMoveTaskOutput) {
	w.number("ApproximateNumberOfMessagesMoved", out.Moved)
}

func readListMessageMoveTasks(r *request, in *queue.ListMessageMoveTasksInput) {
	in.SourceARN = r.required("SourceArn")
	in.MaxResults = r.number("MaxResults")
}

func writeListMessageMoveTasks(w *reply, out *queue.ListMessageMoveTasksOutput) {
	w.beginList(names{json: "Results", query: "ListMessageMoveTasksResultEntry"})
	for i := range out.Tasks {
		t := &out.Tasks[i]
		w.beginItem()
		w.optional("TaskHandle", t.Handle)
		w.text("Status", string(t.Status))
		w.text("SourceArn", t.SourceARN)
		w.optional("DestinationArn", t.DestinationARN)
		if t.Rate != 0 {
			w.number("MaxNumberOfMessagesPerSecond", t.Rate)
		}
		w.number("ApproximateNumberOfMessagesMoved", t.Moved)
		w.number("ApproximateNumberOfMessagesToMove", t.ToMove)
		w.optional("FailureReason", t.FailureReason)
		w.number("StartedTimestamp", int64(t.Started))
		w.endItem()
	}
	w.endList()
}
