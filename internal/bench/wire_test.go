package bench

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestMessagesAreFoundInReplies(t *testing.T) {
	for _, row := range []struct {
		name, protocol, reply string
		want                  []string // handle, body, …
	}{
		{"JSON, nothing", "json", `{}`, nil},
		{"JSON, an empty list", "json", `{"Messages":[]}`, nil},
		{"JSON, two, members in any order and more of them", "json",
			`{"Messages":[{"MD5OfBody":"x","Body":"b1","Attributes":{"Body":"no","ReceiptHandle":"no"},"ReceiptHandle":"h1"},` +
				`{"ReceiptHandle":"h2","N":1,"B":"y","Body":"b2"}]}`, []string{"h1", "b1", "h2", "b2"}},
		{"JSON with white space", "json", "{ \"Messages\" :\n[ { \"ReceiptHandle\" : \"h\" , \"Body\" : \"b\" } ] }", []string{"h", "b"}},
		{"JSON with escapes", "json", `{"Messages":[{"ReceiptHandle":"a\/b\"","Body":"{\"Body\":\"\\"}]}`, []string{`a\/b\"`, `{\"Body\":\"\\`}},
		{"JSON that is cut short", "json", `{"Messages":[{"ReceiptHandle":"h","Body":"b`, nil},
		{"Query, nothing", "query", `<ReceiveMessageResponse><ReceiveMessageResult/></ReceiveMessageResponse>`, nil},
		{"Query, two", "query", `<R><Message><MessageId>1</MessageId><ReceiptHandle>h1</ReceiptHandle><Body>b1</Body></Message>` +
			`<Message><Body>b2</Body><ReceiptHandle>h2</ReceiptHandle></Message></R>`, []string{"h1", "b1", "h2", "b2"}},
		{"Query that is cut short", "query", `<R><Message><ReceiptHandle>h1</ReceiptHan`, nil},
	} {
		var got []string
		for _, m := range newCodec(row.protocol).messages([]byte(row.reply), nil) {
			got = append(got, string(m.handle), string(m.body))
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

func TestResultsOfBatchesAreFoundInReplies(t *testing.T) {
	for _, row := range []struct {
		name, protocol, reply string
		want                  []result
	}{
		{"JSON", "json", `{"Failed":[{"Id":"1","Code":"No","SenderFault":true}],"Successful":[{"Id":"0","MessageId":"m"},{"Id":"9"}]}`,
			[]result{{1, "No"}, {0, ""}, {9, ""}}},
		{"JSON, failed without a code", "json", `{"Failed":[{"Id":"1"}]}`, []result{{1, "unnamed"}}},
		{"JSON with an id that was not sent", "json", `{"Successful":[{"Id":"10"},{"Id":"x"}]}`, []result{{-1, ""}, {-1, ""}}},
		{"JSON that is null", "json", `{"Failed":null,"Successful":[{"Id":"2"}]}`, []result{{2, ""}}},
		{"Query", "query", `<R><BatchResultErrorEntry><Id>2</Id><Code>No</Code></BatchResultErrorEntry>` +
			`<SendMessageBatchResultEntry><Id>0</Id></SendMessageBatchResultEntry><DeleteMessageBatchResultEntry><Id>1</Id></DeleteMessageBatchResultEntry></R>`,
			[]result{{0, ""}, {1, ""}, {2, "No"}}},
	} {
		if got := newCodec(row.protocol).results([]byte(row.reply), nil); !slices.Equal(got, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
	}
}

func TestErrorsAreNamedByTheirCode(t *testing.T) {
	for _, row := range []struct{ protocol, reply, want string }{
		{"json", `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"m"}`, "QueueDoesNotExist"},
		{"json", `{"__type":"Throttled"}`, "Throttled"},
		{"json", `no JSON`, "HTTP 503"},
		{"query", `<E><Error><Code>AccessDenied</Code><Message>a &amp; b</Message></Error></E>`, "AccessDenied"},
		{"query", `<html>`, "HTTP 503"},
	} {
		if got := errorCode(newCodec(row.protocol).failure(503, []byte(row.reply))); got != row.want {
			t.Errorf("%s %s: got %q, want %q", row.protocol, row.reply, got, row.want)
		}
	}
}

func FuzzReplies(f *testing.F) {
	f.Add(`{"Messages":[{"ReceiptHandle":"a\"","Body":"{}"}]}`)
	f.Add(`<R><Message><Body>b</Body><ReceiptHandle>h</ReceiptHandle></Message></R>`)
	f.Fuzz(func(t *testing.T, reply string) {
		for _, protocol := range []string{"json", "query"} {
			c := newCodec(protocol)
			for _, m := range c.messages([]byte(reply), nil) {
				readStamp(m.body)
			}
			c.results([]byte(reply), nil)
			c.queueURL([]byte(reply))
			c.failure(400, []byte(reply))
		}
	})
}

// answering returns a connection to a server that answers the first request with reply and then hangs up.
func answering(t *testing.T, reply string) *conn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		n, err := listener.Accept()
		if err != nil {
			return
		}
		defer n.Close()
		in := bufio.NewReader(n)
		for line := "-"; line != "\r\n" && err == nil; {
			line, err = in.ReadString('\n')
		}
		fmt.Fprint(n, reply)
	}()
	target, err := newTarget("http://"+listener.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &conn{target: target, codec: newCodec("json")}
}

func TestRepliesAreReadHoweverTheyAreFramed(t *testing.T) {
	for _, row := range []struct {
		name, reply, want string
		open, fails       bool
	}{
		{"with a length", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nX: y\r\n\r\nhello", "hello", true, false},
		{"with nothing in it", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", true, false},
		{"in chunks, with a trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nT: u\r\n\r\n", "hello", true, false},
		{"until the connection ends", "HTTP/1.1 200 OK\r\n\r\nhello", "hello", false, false},
		{"as the last one", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", "hello", false, false},
		{"of HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", false, false},
		{"behind an interim reply", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", true, false},
		{"cut short", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "", false, true},
		{"cut short in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhe", "", false, true},
		{"of another protocol", "SSH-2.0-OpenSSH_9.2\r\n", "", false, true},
		{"with a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "", false, true},
		{"with a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "", false, true},
		{"with a length beyond reason", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "", false, true},
	} {
		c := answering(t, row.reply)
		got, err := c.do(t.Context(), receiveMessage, "/", 0)
		if (err != nil) != row.fails || err == nil && string(got) != row.want {
			t.Errorf("%s: got %q, %v; want %q, an error: %v", row.name, got, err, row.want, row.fails)
		}
		if open := c.net != nil; open != row.open {
			t.Errorf("%s: the connection is open: %v, want %v", row.name, open, row.open)
		}
		c.close()
	}
}

func TestStampsAreReadAsTheyWereWritten(t *testing.T) {
	want := stamp{run: 0xdeadbeef, source: 77, sequence: 123456, sent: 9876543210}
	var b [stampLen]byte
	want.put(&b)
	if got, ok := readStamp(append(b[:], "and more"...)); !ok || got != want {
		t.Errorf("got %+v, %v; want %+v", got, ok, want)
	}
	for _, body := range []string{"", "hello", strings.Repeat("g", stampLen), strings.Repeat("f", stampLen)} {
		if got, ok := readStamp([]byte(body)); ok {
			t.Errorf("%q: got %+v, want none", body, got)
		}
	}
}

func TestConnectionsBeyondAThousandAreOpenedInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &ramp{start: time.Now()}
		var after time.Duration
		for n := 1; n <= 3000; n++ {
			if !r.wait(t.Context()) {
				t.Fatalf("connection %d was not let through", n)
			}
			if after = time.Since(r.start); n == 1000 && after > 0 {
				t.Errorf("1,000 connections took %v, want none of them to wait", after)
			}
		}
		if after != time.Second/2 {
			t.Errorf("the connections from 1,001 to 3,000 took %v, want half a second", after)
		}
	})
}
