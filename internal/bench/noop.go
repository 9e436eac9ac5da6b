package bench

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// NoopHandler answers sends of n messages as a queue server does, in either wire form, with replies of the usual
// size, and does nothing else: it reads a request and forgets it. It is what net/http costs on this machine.
func NoopHandler(n int) http.Handler {
	noop := &noopHandler{buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }}}
	for _, protocol := range []string{"json", "query"} {
		noop.replies = append(noop.replies,
			noopReply{protocol, "SendMessageBatch", []byte(sendReply(protocol, n))},
			noopReply{protocol, "SendMessage", []byte(sendReply(protocol, 1))},
			noopReply{protocol, "", []byte(urlReply(protocol))})
	}
	return noop
}

type noopHandler struct {
	replies []noopReply // the first that fits is taken
	buffers sync.Pool   // of *bytes.Buffer
}

// noopReply is the answer to one action; an empty action is any.
type noopReply struct {
	protocol, action string
	body             []byte
}

// ServeHTTP implements http.Handler.
func (h *noopHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	buffer := h.buffers.Get().(*bytes.Buffer)
	defer h.buffers.Put(buffer)
	buffer.Reset()
	if _, err := io.Copy(buffer, r.Body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	protocol, contentType := "query", "text/xml"
	action := r.Header.Get("X-Amz-Target")
	if action != "" {
		protocol, contentType = "json", "application/x-amz-json-1.0"
		action = strings.TrimPrefix(action, "AmazonSQS.")
	} else {
		action = strings.TrimPrefix(string(buffer.Bytes()[:min(buffer.Len(), 40)]), "Action=")
		action, _, _ = strings.Cut(action, "&")
	}
	for _, reply := range h.replies {
		if reply.protocol == protocol && (reply.action == action || reply.action == "") {
			header := w.Header()
			header["Content-Type"] = []string{contentType}
			header["X-Amzn-Requestid"] = []string{noopID}
			_, _ = w.Write(reply.body) // a client that has gone needs no answer
			return
		}
	}
}

const noopID = "0c5e7b3a-5d5f-4c7e-9d0a-3d1f5f5d7a11"

func sendReply(protocol string, n int) string {
	sum := md5.Sum([]byte(noopID))
	md5Text := hex.EncodeToString(sum[:])
	var b strings.Builder
	for i := range n {
		switch {
		case protocol == "json" && n == 1:
			fmt.Fprintf(&b, `{"MessageId":%q,"MD5OfMessageBody":%q}`, noopID, md5Text)
		case protocol == "json":
			fmt.Fprintf(&b, `,{"Id":"%d","MessageId":%q,"MD5OfMessageBody":%q}`, i, noopID, md5Text)
		case n == 1:
			fmt.Fprintf(&b, `<MessageId>%s</MessageId><MD5OfMessageBody>%s</MD5OfMessageBody>`, noopID, md5Text)
		default:
			fmt.Fprintf(&b, `<SendMessageBatchResultEntry><Id>%d</Id><MessageId>%s</MessageId><MD5OfMessageBody>%s</MD5OfMessageBody></SendMessageBatchResultEntry>`,
				i, noopID, md5Text)
		}
	}
	switch {
	case protocol == "query":
		return xmlReply("SendMessage", b.String())
	case n == 1:
		return b.String()
	}
	return `{"Successful":[` + b.String()[1:] + `]}`
}

func urlReply(protocol string) string {
	const noopURL = "http://localhost/000000000000/noop"
	if protocol == "json" {
		return `{"QueueUrl":"` + noopURL + `"}`
	}
	return xmlReply("GetQueueUrl", "<QueueUrl>"+noopURL+"</QueueUrl>")
}

func xmlReply(action, inner string) string {
	return `<?xml version="1.0"?><` + action + `Response xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><` + action + `Result>` + inner +
		`</` + action + `Result><ResponseMetadata><RequestId>` + noopID + `</RequestId></ResponseMetadata></` + action + `Response>`
}
