package sqsclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/forebay-mq/forebay/internal/queue"
	"github.com/forebay-mq/forebay/internal/sigv4"
	"github.com/forebay-mq/forebay/internal/testkit"
)

// alone returns a Client whose requests are answered by answer.
func alone(answer doer, change ...func(*sqs.Options)) *Client {
	return New(sqs.New(sqs.Options{
		BaseEndpoint: aws.String(testkit.Base), Region: testkit.Region, HTTPClient: answer,
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", "token"),
	}, change...))
}

func send(ctx context.Context, c *Client, body string) error {
	_, err := c.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(testkit.Base + "/000000000000/q"), MessageBody: &body})
	return err
}

func TestConnectionsThatAreResetAreTriedAgain(t *testing.T) {
	for name, start := range map[string]func(http.Handler) *httptest.Server{"plain": httptest.NewServer, "TLS": httptest.NewTLSServer} {
		for wayName, way := range ways {
			t.Run(name+" by "+wayName, func(t *testing.T) { resets(t, start, way) })
		}
	}
}

func resets(t *testing.T, start func(http.Handler) *httptest.Server, way func(*http.Transport) http.RoundTripper) {
	var requests atomic.Int32
	s := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if requests.Add(1)%2 == 1 { // each second one is answered, the others lose their connection
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				conn.Close()
			}
			return
		}
		if !strings.Contains(string(body), `"MessageBody":"hello"`) {
			t.Errorf("the second attempt says %s", body)
		}
		io.WriteString(w, `{"MessageId":"m"}`)
	}))
	defer s.Close()
	client := &http.Client{Transport: way(s.Client().Transport.(*http.Transport))}
	defer client.CloseIdleConnections()
	c := New(sqs.New(sqs.Options{BaseEndpoint: &s.URL, Region: "r", HTTPClient: client}, atOnce))
	for range 4 {
		if err := send(t.Context(), c, "hello"); err != nil {
			t.Fatal(err)
		}
	}
	if n := requests.Load(); n != 8 {
		t.Errorf("%d requests, want 8", n)
	}
}

func TestRetriesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, sent := time.Now(), 0
		c := alone(func(*http.Request) (*http.Response, error) {
			if sent++; sent < 3 {
				return reply(503, "{}")
			}
			return reply(200, `{"MessageId":"m"}`)
		})
		if err := send(t.Context(), c, "x"); err != nil || sent != 3 || time.Since(start) == 0 {
			t.Errorf("%d attempts in %v, %v; want 3, some time between them, and no error", sent, time.Since(start), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		sent = 0
		c = alone(func(*http.Request) (*http.Response, error) { sent++; cancel(); return reply(503, "{}") })
		if err := send(ctx, c, "x"); !errors.Is(err, context.Canceled) || sent != 1 {
			t.Errorf("%d attempts, %v; want 1, and that it was cancelled", sent, err)
		}
	})
}

func TestALongPollEndsWithItsContext(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) { polls(t, way) })
	}
}

func polls(t *testing.T, way func(*http.Transport) http.RoundTripper) {
	testkit.Run(t, testkit.Options{}, func(t *testing.T, k *testkit.Kit) {
		client := &http.Client{Transport: way(k.HTTP().Transport.(*http.Transport))}
		defer client.CloseIdleConnections()
		options := k.SDK().Options()
		options.HTTPClient = client
		c := New(sqs.New(options))
		made, err := c.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("q")})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: made.QueueUrl, WaitTimeSeconds: 20})
		if err != nil || out.Messages != nil || time.Since(start) != 20*time.Second {
			t.Errorf("got %v, %v after %v; want nothing after 20s", out, err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start = time.Now()
		_, err = c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: made.QueueUrl, WaitTimeSeconds: 20})
		_, cancelled := errors.AsType[*smithy.CanceledError](err)
		if !errors.Is(err, context.DeadlineExceeded) || !cancelled || time.Since(start) != 3*time.Second {
			t.Errorf("got %v after %v; want the end of the context, as the SDK says it, after 3s", err, time.Since(start))
		}
	})
}

func TestSignaturesAreAcceptedWhateverTheClockSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ahead, refused := time.Duration(0), 0
		verifier := sigv4.New(sigv4.Options{
			Secret: func(id string) (string, bool) { return "secret", id == "AKID" },
			Now:    func() time.Time { return time.Now().Add(ahead) },
		})
		c := alone(func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			if r.Header.Get("X-Amz-Security-Token") != "token" {
				t.Errorf("the session token is %q", r.Header.Get("X-Amz-Security-Token"))
			}
			if _, err := verifier.Verify(r, body); err != nil {
				e, _ := errors.AsType[*queue.Error](err)
				refused++
				return reply(403, `{"__type":"com.amazonaws.sqs#InvalidSignatureException","message":"`+e.Message+`"}`,
					"Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
			}
			return reply(200, `{"MessageId":"m"}`)
		})
		for _, step := range []struct {
			ahead   time.Duration
			refused int
		}{{0, 0}, {time.Hour, 1}, {time.Hour, 0}, {-time.Hour, 1}, {0, 1}} {
			ahead, refused = step.ahead, 0
			if err := send(t.Context(), c, "x"); err != nil || refused != step.refused {
				t.Errorf("server %v ahead: refused %d times, %v; want %d times, then success", ahead, refused, err, step.refused)
			}
		}
		c = alone(c.wire.options.HTTPClient.Do, func(o *sqs.Options) { o.DisableClockSkewCorrection = true })
		ahead = time.Hour
		if err := send(t.Context(), c, "x"); err == nil {
			t.Error("a clock was corrected that must not be")
		}
	})
}

func TestBodiesThatChangedAreErrors(t *testing.T) {
	wrong, right := sum("another"), sum("x")
	for _, row := range []struct {
		name, reply string
		fails       bool
		call        func(*Client) error
	}{
		{"sent", `{"MessageId":"m","MD5OfMessageBody":"` + wrong + `"}`, true, sendX},
		{"sent well", `{"MessageId":"m","MD5OfMessageBody":"` + right + `"}`, false, sendX},
		{"sent in a batch", `{"Successful":[{"Id":"1","MessageId":"m","MD5OfMessageBody":"` + right + `"},{"Id":"2","MessageId":"n","MD5OfMessageBody":"` + wrong + `"}]}`, true, sendBatchX},
		{"sent well in a batch", `{"Successful":[{"Id":"2","MD5OfMessageBody":"` + right + `"}],"Failed":[{"Id":"1"}]}`, false, sendBatchX},
		{"received", `{"Messages":[{"Body":"x","MD5OfBody":"` + right + `"},{"MessageId":"m","Body":"y","MD5OfBody":"` + right + `"}]}`, true, receiveX},
		{"received well", `{"Messages":[{"Body":"x","MD5OfBody":"` + right + `"},{"Body":"z"}]}`, false, receiveX},
	} {
		answer := func(*http.Request) (*http.Response, error) { return reply(200, row.reply) }
		c := alone(answer)
		err := row.call(c)
		if (err != nil) != row.fails || err != nil && !strings.Contains(err.Error(), errChecksum) {
			t.Errorf("%s: got %v, want an error: %v", row.name, err, row.fails)
		}
		if sdk := row.call(&Client{Client: c.Client}); (sdk != nil) != row.fails {
			t.Errorf("%s: the SDK says %v", row.name, sdk)
		}
		unchecked := alone(answer, func(o *sqs.Options) { o.DisableMessageChecksumValidation = true })
		if err := row.call(unchecked); err != nil {
			t.Errorf("%s, unchecked: %v", row.name, err)
		}
	}
}

func sendX(c *Client) error { return send(context.Background(), c, "x") }

func sendBatchX(c *Client) error {
	x := aws.String("x")
	_, err := c.SendMessageBatch(context.Background(), &sqs.SendMessageBatchInput{QueueUrl: x, Entries: []types.SendMessageBatchRequestEntry{
		{Id: aws.String("1"), MessageBody: x}, {Id: aws.String("2"), MessageBody: x}}})
	return err
}

func receiveX(c *Client) error {
	_, err := c.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{QueueUrl: aws.String("x")})
	return err
}

// endless is a response that never ends.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) {
	e.read += int64(len(p))
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func (*endless) Close() error { return nil }

func TestAResponseIsBounded(t *testing.T) {
	body := new(endless)
	c := alone(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: body}, nil
	})
	err := receiveX(c)
	if err == nil || !strings.Contains(err.Error(), "more than") || body.read > responseMax+1<<20 {
		t.Errorf("got %v after %d bytes, want an error after %d", err, body.read, responseMax)
	}
}

type ignored struct{ smithyhttp.InterceptorRegistry }

func (ignored) BeforeTransmit(context.Context, *smithyhttp.InterceptorContext) error { return nil }

func TestWhatAsksForMoreGoesThroughTheSDK(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*sqs.Options)
	}{
		{"middleware", func(o *sqs.Options) {
			o.APIOptions = append(o.APIOptions, func(*middleware.Stack) error { return nil })
		}},
		{"an interceptor", func(o *sqs.Options) { o.Interceptors.AddBeforeTransmit(ignored{}) }},
		{"logging", func(o *sqs.Options) { o.ClientLogMode = aws.LogRetries }},
		{"an endpoint that cannot be had", func(o *sqs.Options) { o.BaseEndpoint = aws.String("::") }},
		{"no region", func(o *sqs.Options) { o.Region = "" }},
		{"a region that the SDK renames", func(o *sqs.Options) { o.Region = "fips-us-east-1" }},
		{"an endpoint that the SDK refuses", func(o *sqs.Options) { o.BaseEndpoint = aws.String("http://[::1]:4566") }},
		//lint:ignore SA1019 who still has one gets what it finds
		{"a resolver of the first kind", func(o *sqs.Options) { o.EndpointResolver = sqs.EndpointResolverFromURL("http://other") }},
	} {
		if c := alone(nil, row.change); c.wire != nil {
			t.Errorf("%s: the client takes the short way", row.name)
		}
	}
	agent := ""
	c := alone(func(r *http.Request) (*http.Response, error) {
		agent = r.Header.Get("User-Agent")
		return reply(200, "{}")
	})
	in := &sqs.ReceiveMessageInput{QueueUrl: aws.String("x")}
	if _, err := c.ReceiveMessage(t.Context(), in); err != nil || agent != "forebay" {
		t.Errorf("without options: by %q, %v", agent, err)
	}
	if _, err := c.ReceiveMessage(t.Context(), in, func(*sqs.Options) {}); err != nil || !strings.HasPrefix(agent, "aws-sdk-go") {
		t.Errorf("with options of its own: by %q, %v; want the SDK", agent, err)
	}
}
