package sqs

import "github.com/forebay-mq/forebay/internal/queue"

func readCreateQueue(r *request, in *queue.CreateQueueInput) {
	in.Name = r.optional("QueueName")
	in.Attributes = r.pairs(attributesMap())
	in.Tags = r.pairs(names{"tags", "Tag", "Key"}) // in lower case, of all requests only here
}

func writeCreateQueue(w *reply, out *queue.CreateQueueOutput) {
	w.text("QueueUrl", w.queueURL(out.Queue))
}

// attributesMap names the attributes of a queue, and the system attributes of a received message.
func attributesMap() names { return names{"Attributes", "Attribute", "Name"} }
