package sqs

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/forebay-mq/forebay/internal/queue"
)

// TestErrorsTable is SQS-ERR-01: each code has a wire form, and each shape is there once.
func TestErrorsTable(t *testing.T) {
	shapes := make(map[string]queue.Code)
	for code := range queue.CodeCount {
		e := wireErrors[code]
		if e.family == "" || e.shape == "" || e.code == "" || e.status < 400 {
			t.Errorf("code %d has no full wire form: %+v", code, e)
		}
		if other, ok := shapes[e.shape]; ok {
			t.Errorf("codes %d and %d share the shape %s", other, code, e.shape)
		}
		shapes[e.shape] = code
	}
	if got := wireErrorOf(queue.CodeCount); got != wireErrors[queue.CodeInternal] {
		t.Errorf("an unknown code travels as %+v, want that of an internal fault", got)
	}
}

// TestErrors is SQS-WIRE-09, SQS-QRY-15 and SQS-ERR-01 to 05 for every code, in both forms.
func TestErrors(t *testing.T) {
	for code := range queue.CodeCount {
		wire := wireErrors[code]
		f := &fake{err: queue.Errorf(code, "a \"text\" <x>")}
		got := sendJSON(newFront(f), "PurgeQueue", `{"QueueUrl":"orders"}`)
		got.fails(t, wire.status, wire.code)
		var body struct{ Type, Lower, Upper string }
		var raw map[string]string
		if err := json.Unmarshal([]byte(got.body), &raw); err != nil {
			t.Fatalf("%s: %v", got.body, err)
		}
		body.Type, body.Lower, body.Upper = raw["__type"], raw["message"], raw["Message"]
		if body.Type != wire.family+wire.shape || body.Lower+body.Upper != `a "text" <x>` || len(raw) != 2 {
			t.Errorf("code %d answers %s", code, got.body)
		}
		if (body.Upper != "") != (code == queue.CodeAccessDenied) {
			t.Errorf("code %d: the wrong member holds the text: %s", code, got.body)
		}
		blame := "Sender"
		if wire.status >= 500 {
			blame = "Receiver"
		}
		if h := got.header.Get("X-Amzn-Query-Error"); h != wire.code+";"+blame {
			t.Errorf("X-Amzn-Query-Error = %q, want %s;%s", h, wire.code, blame)
		}

		got = sendQuery(newFront(f), "/", "Action=PurgeQueue&QueueUrl=orders")
		got.fails(t, wire.status, wire.code)
		want := `<?xml version="1.0"?><ErrorResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><Error><Type>` + blame + `</Type><Code>` + wire.code +
			`</Code><Message>a &quot;text&quot; &lt;x&gt;</Message><Detail/></Error><RequestId>` + got.header.Get("X-Amzn-Requestid") + `</RequestId></ErrorResponse>`
		if got.body != want {
			t.Errorf("answer = %s\nwant     %s", got.body, want)
		}
	}
}

// TestMissingQueueIsWordedForEachForm is SQS-QRY-16.
func TestMissingQueueIsWordedForEachForm(t *testing.T) {
	f := &fake{err: queue.MissingQueue("orders")}
	json := sendJSON(newFront(f), "PurgeQueue", `{}`)
	if want := `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}`; json.body != want {
		t.Errorf("JSON answer = %s, want %s", json.body, want)
	}
	xml := sendQuery(newFront(f), "/", "Action=PurgeQueue")
	if want := "<Message>The specified queue does not exist for this wsdl version.</Message>"; !strings.Contains(xml.body, want) {
		t.Errorf("Query answer = %s, want %s", xml.body, want)
	}
	f.err = queue.Errorf(queue.CodeQueueDoesNotExist, "The specified queue does not exist or you do not have access to it.")
	if got := sendQuery(newFront(f), "/", "Action=PurgeQueue"); !strings.Contains(got.body, "access to it.</Message>") {
		t.Errorf("Query answer = %s, want the text as it is", got.body)
	}
}

func TestUnknownErrorsAreFaultsAndStayInside(t *testing.T) {
	for name, err := range map[string]error{
		"plain":    errors.New("secret detail"),
		"internal": queue.Internal(errors.New("secret detail")),
	} {
		got := sendJSON(newFront(&fake{err: err}), "PurgeQueue", `{}`)
		got.fails(t, 500, "InternalError")
		if strings.Contains(got.body, "secret") || !strings.Contains(got.body, "Please try again") {
			t.Errorf("%s: answer = %s", name, got.body)
		}
	}
}
