package sqs

import "github.com/forebay-mq/forebay/internal/queue"

func readGetQueueURL(r *request, in *queue.GetQueueURLInput) {
	in.Name = r.optional("QueueName")
	in.OwnerAccount = r.optional("QueueOwnerAWSAccountId")
}

func writeGetQueueURL(w *reply, out *queue.GetQueueURLOutput) {
	w.text("QueueUrl", w.queueURL(out.Queue))
}
