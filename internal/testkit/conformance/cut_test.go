package conformance

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// onTheWire is a request as it crosses the network.
func onTheWire(t *testing.T, c *testkit.Client, action string, in Map) []byte {
	t.Helper()
	r, err := c.Request(t.Context(), action, in)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestACutRequestIsDoneWholeOrNotAtAll cuts a send to a FIFO queue behind each of its bytes. The client, which has no
// answer, sends again, and the queue has the message once.
func TestACutRequestIsDoneWholeOrNotAtAll(t *testing.T) {
	for _, protocol := range []testkit.Protocol{testkit.JSON, testkit.Query} {
		t.Run(string(protocol), func(t *testing.T) {
			testkit.Run(t, testkit.Options{}, func(t *testing.T, k *testkit.Kit) {
				c := k.Client(protocol)
				url := c.CreateFIFO("q.fifo", nil)
				whole, position := 1, 0
				for ; position <= whole; position++ {
					in := Map{"QueueUrl": url, "MessageBody": "hello", "MessageGroupId": "g", "MessageDeduplicationId": fmt.Sprintf("%06d", position)}
					request := onTheWire(t, c, "SendMessage", in)
					whole = len(request)
					conn := k.Dial()
					if _, err := conn.Write(request[:position]); err != nil {
						t.Fatalf("write %d bytes: %v", position, err)
					}
					if err := conn.Close(); err != nil {
						t.Fatal(err)
					}
					k.Settle()
					if position < whole {
						same(t, fmt.Sprintf("counts behind a request cut at %d of %d bytes", position, whole), c.Counts(url), "0 visible, 0 in flight, 0 delayed")
					}
					c.OK("SendMessage", in)
					same(t, fmt.Sprintf("counts behind the retry, cut at %d", position), c.Counts(url), "1 visible, 0 in flight, 0 delayed")
					c.Delete(url, c.ReceiveOne(url).Receipt)
				}
				if position < 100 {
					t.Errorf("only %d positions were tried", position)
				}
			})
		})
	}
}

// TestAMessageInACutAnswerComesBackAtItsTimeout cuts the answer to a receive at many places. Nobody has the message
// then, and it is receivable again when its timeout ends, not before and not later.
func TestAMessageInACutAnswerComesBackAtItsTimeout(t *testing.T) {
	const timeout = 30 * time.Second
	testkit.Run(t, testkit.Options{}, func(t *testing.T, k *testkit.Kit) {
		c := k.Client(testkit.JSON)
		url := c.CreateQueue("q", Map{"VisibilityTimeout": fmt.Sprint(timeout.Seconds())})
		c.Send(url, "hello")
		request := onTheWire(t, c, "ReceiveMessage", Map{"QueueUrl": url})
		for cut := range 15 {
			conn := k.Dial()
			if _, err := conn.Write(request); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(conn, make([]byte, 1+25*cut)); err != nil {
				t.Fatalf("read the first %d bytes of the answer: %v", 1+25*cut, err)
			}
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
			k.Advance(timeout - time.Second)
			bodies(t, fmt.Sprintf("a second before the timeout, cut %d", cut), c.Receive(url))
			k.Advance(time.Second)
			same(t, fmt.Sprintf("counts at the timeout, cut %d", cut), c.Counts(url), "1 visible, 0 in flight, 0 delayed")
		}
		same(t, "body", c.ReceiveOne(url).Body, "hello")
	})
}
