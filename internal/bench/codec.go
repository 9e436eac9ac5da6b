package bench

// action is one of the actions that the generator knows.
type action int

const (
	sendMessage action = iota
	sendMessageBatch
	receiveMessage
	deleteMessage
	deleteMessageBatch
	getQueueURL
	createQueue
	deleteQueue
	actionCount
)

// actionNames are the names of the API.
var actionNames = [actionCount]string{
	"SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch",
	"GetQueueUrl", "CreateQueue", "DeleteQueue",
}

// incoming is a message as it was received. The slices point into the reply, and are in its wire form.
type incoming struct {
	handle []byte
	body   []byte
}

// result is what became of one entry of a batch. code is empty when it was done.
type result struct {
	index int // of the entry; -1 when the reply names one that was not sent
	code  string
}

// codec is one of the two wire forms. It writes requests and finds in replies what matters.
type codec interface {
	contentType() string
	target(act action) string // of the header X-Amz-Target; empty for none
	path(q *queue) string     // where requests that concern the queue go

	appendSend(b []byte, q *queue, batch []outgoing) []byte
	appendReceive(b []byte, q *queue, most, wait, visibility int) []byte
	appendDelete(b []byte, q *queue, batch []incoming) []byte

	appendName(b []byte, act action, name string) []byte // getQueueURL, createQueue
	appendQueue(b []byte, act action, url string) []byte // deleteQueue

	messages(reply []byte, into []incoming) []incoming
	results(reply []byte, into []result) []result
	queueURL(reply []byte) string
	failure(status int, reply []byte) *apiError
}

// newCodec returns the codec of a protocol.
func newCodec(protocol string) codec {
	if protocol == "query" {
		return queryCodec{}
	}
	return newJSONCodec()
}
