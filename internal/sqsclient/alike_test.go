package sqsclient

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/forebay-mq/forebay/internal/straight"
	"github.com/forebay-mq/forebay/internal/testkit"
)

func noDelay(int, error) (time.Duration, error) { return 0, nil }

// fill sets every field that is exported, lists and maps with two elements.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, name := range []string{"a", "b\"é"} {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			key.SetString(name)
			fill(value)
			v.SetMapIndex(key, value)
		}
	case reflect.String:
		v.SetString("text of " + v.Type().Name())
	case reflect.Int32:
		v.SetInt(7)
	case reflect.Uint8:
		v.SetUint(255)
	default:
		panic("a field of a kind that the test does not know: " + v.Type().String())
	}
}

// filled returns an input with every field set.
func filled[T any]() *T {
	v := new(T)
	fill(reflect.ValueOf(v).Elem())
	return v
}

// everyCall makes each call by the short way once, with all that can be said in it.
func everyCall(ctx context.Context, w *twins) {
	call(w, "SendMessage", func(c api) (*sqs.SendMessageOutput, error) { return c.SendMessage(ctx, filled[sqs.SendMessageInput]()) })
	call(w, "SendMessageBatch", func(c api) (*sqs.SendMessageBatchOutput, error) {
		return c.SendMessageBatch(ctx, filled[sqs.SendMessageBatchInput]())
	})
	call(w, "ReceiveMessage", func(c api) (*sqs.ReceiveMessageOutput, error) {
		return c.ReceiveMessage(ctx, filled[sqs.ReceiveMessageInput]())
	})
	call(w, "DeleteMessage", func(c api) (*sqs.DeleteMessageOutput, error) {
		return c.DeleteMessage(ctx, filled[sqs.DeleteMessageInput]())
	})
	call(w, "DeleteMessageBatch", func(c api) (*sqs.DeleteMessageBatchOutput, error) {
		return c.DeleteMessageBatch(ctx, filled[sqs.DeleteMessageBatchInput]())
	})
	call(w, "ChangeMessageVisibility", func(c api) (*sqs.ChangeMessageVisibilityOutput, error) {
		return c.ChangeMessageVisibility(ctx, filled[sqs.ChangeMessageVisibilityInput]())
	})
	call(w, "ChangeMessageVisibilityBatch", func(c api) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
		return c.ChangeMessageVisibilityBatch(ctx, filled[sqs.ChangeMessageVisibilityBatchInput]())
	})
}

func TestRequestsSayWhatTheSDKWouldSay(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*sqs.Options)
	}{
		{"as it is", func(*sqs.Options) {}},
		{"without credentials", func(o *sqs.Options) { o.Credentials = nil }},
		{"with anonymous credentials", func(o *sqs.Options) { o.Credentials = aws.AnonymousCredentials{} }},
		{"with an endpoint below a path", func(o *sqs.Options) { o.BaseEndpoint = aws.String("https://gateway.test/a b/%7Equeues") }},
		{"with a default port", func(o *sqs.Options) { o.BaseEndpoint = aws.String("https://gateway.test:443/") }},
		{"with the other default port", func(o *sqs.Options) { o.BaseEndpoint = aws.String("http://gateway.test:80") }},
		{"with the endpoint of a region", func(o *sqs.Options) { o.BaseEndpoint, o.Region = nil, "eu-central-1" }},
	} {
		t.Run(row.name, func(t *testing.T) {
			everyCall(t.Context(), newTwins(t, doer(func(*http.Request) (*http.Response, error) { return reply(200, "{}") }), row.change))
		})
	}
}

// odd is a text of all that a message may hold and JSON has to take care of.
const odd = "tab\t line\n return\r quote\" backslash\\ slash/ del\x7f <&> ä € 😀 \u2028 \ufffd end"

func TestAServerIsUnderstoodAsTheSDKDoes(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) { understood(t, way) })
	}
}

// ways are what may stand between a client and its connections.
var ways = map[string]func(*http.Transport) http.RoundTripper{
	"net/http": func(t *http.Transport) http.RoundTripper { return t },
	"straight": func(t *http.Transport) http.RoundTripper { return straight.New(t.Clone()) },
}

func understood(t *testing.T, way func(*http.Transport) http.RoundTripper) {
	testkit.Run(t, testkit.Options{}, func(t *testing.T, k *testkit.Kit) {
		next := &http.Client{Transport: way(k.HTTP().Transport.(*http.Transport))}
		defer next.CloseIdleConnections()
		w := newTwins(t, next, func(o *sqs.Options) { o.Retryer = aws.NopRetryer{} })
		ctx := t.Context()
		made, err := w.short.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("orders.fifo"), Attributes: map[string]string{"FifoQueue": "true", "MaximumMessageSize": "1048576"}})
		if err != nil {
			t.Fatal(err)
		}
		url := made.QueueUrl
		attributes := map[string]types.MessageAttributeValue{
			"s": {DataType: aws.String("String.odd"), StringValue: aws.String(odd)},
			"n": {DataType: aws.String("Number"), StringValue: aws.String("-1.5e10")},
			"b": {DataType: aws.String("Binary.gif"), BinaryValue: []byte{0, 255, '"', '\\'}},
		}
		for name, body := range map[string]string{"odd": odd, "small": "x", "large": strings.Repeat("\n", 1<<20-200)} {
			in := &sqs.SendMessageInput{QueueUrl: url, MessageBody: &body, MessageGroupId: aws.String("g" + name), MessageDeduplicationId: &name}
			if name != "large" {
				in.MessageAttributes = attributes
				in.MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String("Root=1")}}
			}
			if _, err := call(w, "send "+name, func(c api) (*sqs.SendMessageOutput, error) { return c.SendMessage(ctx, in) }); err != nil {
				t.Fatal(err)
			}
		}
		call(w, "send a batch of which one fails", func(c api) (*sqs.SendMessageBatchOutput, error) {
			return c.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: url, Entries: []types.SendMessageBatchRequestEntry{
				{Id: aws.String("1"), MessageBody: aws.String("one"), MessageGroupId: aws.String("g1"), MessageDeduplicationId: aws.String("1")},
				{Id: aws.String("2"), MessageBody: aws.String("\x01"), MessageGroupId: aws.String("g2"), MessageDeduplicationId: aws.String("2")},
			}})
		})
		got, err := call(w, "receive", func(c api) (*sqs.ReceiveMessageOutput, error) {
			return c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"},
				MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}, WaitTimeSeconds: 1})
		})
		if err != nil || len(got.Messages) == 0 {
			t.Fatalf("got %d messages, %v", len(got.Messages), err)
		}
		for _, m := range got.Messages {
			if aws.ToString(m.Body) == odd && !reflect.DeepEqual(m.MessageAttributes, attributes) {
				t.Errorf("attributes: got %v, want %v", m.MessageAttributes, attributes)
			}
		}
		handle := got.Messages[0].ReceiptHandle
		call(w, "change the visibility", func(c api) (*sqs.ChangeMessageVisibilityOutput, error) {
			return c.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: handle, VisibilityTimeout: 60})
		})
		call(w, "change the visibility of a batch", func(c api) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
			return c.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: url, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
				{Id: aws.String("1"), ReceiptHandle: handle, VisibilityTimeout: 90}, {Id: aws.String("2"), ReceiptHandle: aws.String("none")}}})
		})
		call(w, "delete", func(c api) (*sqs.DeleteMessageOutput, error) {
			return c.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: handle})
		})
		call(w, "delete a batch", func(c api) (*sqs.DeleteMessageBatchOutput, error) {
			return c.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: url, Entries: []types.DeleteMessageBatchRequestEntry{
				{Id: aws.String("1"), ReceiptHandle: handle}, {Id: aws.String("2"), ReceiptHandle: aws.String("none")}}})
		})
		refusals(ctx, w, url)
	})
}

// refusals are calls that a server refuses.
func refusals(ctx context.Context, w *twins, url *string) {
	_, err := call(w, "send to no queue", func(c api) (*sqs.SendMessageOutput, error) {
		return c.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(testkit.Base + "/000000000000/none"), MessageBody: aws.String("x")})
	})
	if _, gone := errors.AsType[*types.QueueDoesNotExist](err); !gone {
		w.t.Errorf("send to no queue: got %v, want QueueDoesNotExist", err)
	}
	call(w, "send what is not allowed", func(c api) (*sqs.SendMessageOutput, error) {
		return c.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("\x00"), MessageGroupId: aws.String("g"), MessageDeduplicationId: aws.String("0")})
	})
	call(w, "send nothing", func(c api) (*sqs.SendMessageOutput, error) {
		return c.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("")})
	})
	call(w, "send an empty batch", func(c api) (*sqs.SendMessageBatchOutput, error) {
		return c.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: url, Entries: []types.SendMessageBatchRequestEntry{}})
	})
	call(w, "delete with a handle that is none", func(c api) (*sqs.DeleteMessageOutput, error) {
		return c.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: aws.String("none")})
	})
	call(w, "receive too many", func(c api) (*sqs.ReceiveMessageOutput, error) {
		return c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 11})
	})
	call(w, "hide for too long", func(c api) (*sqs.ChangeMessageVisibilityOutput, error) {
		return c.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: aws.String("none"), VisibilityTimeout: 43201})
	})
}

func TestWhatIsMissingIsSaidByTheSDK(t *testing.T) {
	w := newTwins(t, doer(func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent")
		return nil, io.EOF
	}), nil)
	ctx, some := t.Context(), aws.String("x")
	call(w, "no input", func(c api) (*sqs.SendMessageOutput, error) { return c.SendMessage(ctx, nil) })
	call(w, "no body", func(c api) (*sqs.SendMessageOutput, error) {
		return c.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: some})
	})
	call(w, "no type", func(c api) (*sqs.SendMessageOutput, error) {
		return c.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: some, MessageBody: some, MessageAttributes: map[string]types.MessageAttributeValue{"a": {}}})
	})
	call(w, "no id", func(c api) (*sqs.SendMessageBatchOutput, error) {
		return c.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: some, Entries: []types.SendMessageBatchRequestEntry{{MessageBody: some}}})
	})
	call(w, "no queue", func(c api) (*sqs.ReceiveMessageOutput, error) {
		return c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{})
	})
	call(w, "no handle", func(c api) (*sqs.DeleteMessageOutput, error) {
		return c.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: some})
	})
	call(w, "no entries", func(c api) (*sqs.DeleteMessageBatchOutput, error) {
		return c.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: some})
	})
	call(w, "no handle to change", func(c api) (*sqs.ChangeMessageVisibilityOutput, error) {
		return c.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: some})
	})
	call(w, "no handle in a batch", func(c api) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
		return c.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: some, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{{Id: some}}})
	})
}

func TestErrorsAreThoseOfTheSDK(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	for _, row := range []struct {
		name     string
		requests int
		answer   doer
	}{
		{"a code of the query protocol", 1, func(*http.Request) (*http.Response, error) {
			return reply(400, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"none"}`, "X-Amzn-Query-Error", "AWS.SimpleQueueService.NonExistentQueue;Sender", "X-Amzn-Requestid", "r1")
		}},
		{"a code that the SDK does not know", 1, func(*http.Request) (*http.Response, error) {
			return reply(403, `{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"no"}`, "X-Amzn-Query-Error", "AccessDenied;Sender")
		}},
		{"a code in the header", 1, func(*http.Request) (*http.Response, error) {
			return reply(400, `{}`, "X-Amzn-Errortype", "InvalidAddress:http://x/")
		}},
		{"a page that is no JSON", 1, func(*http.Request) (*http.Response, error) { return reply(404, "<html>") }},
		{"an empty refusal", 1, func(*http.Request) (*http.Response, error) { return reply(401, "") }},
		{"a server that is down", 3, func(*http.Request) (*http.Response, error) { return reply(503, `{"__type":"ServiceUnavailable"}`) }},
		{"a proxy that is lost", 3, func(*http.Request) (*http.Response, error) { return reply(502, "<html>") }},
		{"throttling", 3, func(*http.Request) (*http.Response, error) {
			return reply(400, `{"__type":"com.amazonaws.sqs#RequestThrottled","message":"slowly"}`)
		}},
		{"nobody there", 3, func(*http.Request) (*http.Response, error) { return nil, refused }},
		{"a connection that ends", 3, func(*http.Request) (*http.Response, error) { return nil, io.EOF }},
		{"a response that is no JSON", 1, func(*http.Request) (*http.Response, error) { return reply(200, `{"Messages":[`) }},
		{"a response of another shape", 1, func(*http.Request) (*http.Response, error) { return reply(200, `{"Messages":7}`) }},
		{"a response with nothing in it", 1, func(*http.Request) (*http.Response, error) { return reply(200, "") }},
	} {
		sent := 0
		w := newTwins(t, doer(func(r *http.Request) (*http.Response, error) { sent++; return row.answer(r) }), atOnce)
		call(w, row.name, func(c api) (*sqs.ReceiveMessageOutput, error) {
			return c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String("u")})
		})
		if sent != row.requests {
			t.Errorf("%s: %d requests, want %d", row.name, sent, row.requests)
		}
	}
}

func TestCredentialsThatCannotBeHadAreAnError(t *testing.T) {
	w := newTwins(t, nil, func(o *sqs.Options) {
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, errors.New("no keys") })
	})
	_, err := call(w, "send", func(c api) (*sqs.SendMessageOutput, error) {
		return c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String("u"), MessageBody: aws.String("b")})
	})
	if _, ok := errors.AsType[*smithy.OperationError](err); !ok {
		t.Errorf("got %v, want an OperationError", err)
	}
}
