package sqs

import "github.com/forebay-mq/forebay/internal/queue"

func readListQueues(r *request, in *queue.ListQueuesInput) {
	in.Prefix = r.optional("QueueNamePrefix")
	in.MaxResults = r.number("MaxResults")
	in.NextToken = r.optional("NextToken")
}

func writeListQueues(w *reply, out *queue.ListQueuesOutput) {
	writeQueuePage(w, names{json: "QueueUrls", query: "QueueUrl"}, out)
}

func readListDeadLetterSourceQueues(r *request, in *queue.ListDeadLetterSourceQueuesInput) {
	in.Queue = r.queue()
	in.MaxResults = r.number("MaxResults")
	in.NextToken = r.optional("NextToken")
}

func writeListDeadLetterSourceQueues(w *reply, out *queue.ListQueuesOutput) {
	writeQueuePage(w, names{json: "queueUrls", query: "QueueUrl"}, out) // in lower case, of all lists only here
}

func writeQueuePage(w *reply, n names, page *queue.ListQueuesOutput) {
	w.beginList(n)
	for _, q := range page.Queues {
		w.element(w.queueURL(q))
	}
	w.endList()
	w.optional("NextToken", page.NextToken)
}
