package sqs

import "github.com/forebay-mq/forebay/internal/queue"

func readReceiveMessage(r *request, in *queue.ReceiveMessageInput) {
	in.Queue = r.queue()
	in.Max = r.number("MaxNumberOfMessages")
	in.Visibility = r.number("VisibilityTimeout")
	in.Wait = r.number("WaitTimeSeconds")
	in.System = readSystemAttributeNames(r)
	in.AttributeNames = r.texts(names{json: "MessageAttributeNames", query: "MessageAttributeName"})
	in.AttemptID, in.AttemptIDSet = r.text("ReceiveRequestAttemptId")
	if who := r.header[consumerHeader]; len(who) > 0 {
		in.Consumer, in.ConsumerSet = who[0], true
	}
}

// consumerHeader is the header, in its canonical form, by which a consumer says who it is. See docs/api.md.
const consumerHeader = "X-Forebay-Consumer"

// readSystemAttributeNames reads the newer of two lists, and the older one when that is not given.
func readSystemAttributeNames(r *request) queue.SystemAttributes {
	list := r.texts(names{json: "MessageSystemAttributeNames", query: "MessageSystemAttributeName"})
	if list == nil {
		list = r.texts(names{json: "AttributeNames", query: "AttributeName"})
	}
	var set queue.SystemAttributes
	for _, name := range list {
		set |= queue.ParseSystemAttribute(name)
	}
	return set
}

func writeReceiveMessage(w *reply, out *queue.ReceiveMessageOutput) {
	w.beginList(names{json: "Messages", query: "Message"})
	for i := range out.Messages {
		m := &out.Messages[i]
		w.beginItem()
		w.text("MessageId", m.Message.ID.String())
		w.text("ReceiptHandle", m.Receipt)
		w.text("MD5OfBody", m.Message.BodyMD5.String())
		w.bytes("Body", m.Message.Body)
		writeSystemAttributes(w, attributesMap(), m, m.Shown)
		w.digest("MD5OfMessageAttributes", m.AttributesMD5)
		writeAttributes(w, messageAttributesMap(), m.Attributes)
		w.endItem()
	}
	w.endList()
}
