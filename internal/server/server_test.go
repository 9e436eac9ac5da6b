package server

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/forebay-mq/forebay/internal/queue"
)

// startInMemory starts a server that keeps nothing and lets everybody in. The test stops it.
func startInMemory(t *testing.T, change func(*Options)) *Server {
	t.Helper()
	opts := Options{FS: vfs.NewMem(), Data: "data", Dev: true, Version: "0.1.0", MemTableBytes: 1 << 20}
	if change != nil {
		change(&opts)
	}
	s, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stop(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// ask sends one request to the handler.
func ask(s *Server, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

// act performs an action of the SQS API.
func act(s *Server, action, body string) *httptest.ResponseRecorder {
	return ask(s, "POST", "/", body, "Content-Type", "application/x-amz-json-1.0", "X-Amz-Target", "AmazonSQS."+action)
}

func TestRoutes(t *testing.T) {
	for _, tt := range []struct {
		name, method, path string
		status             int
		body               string // part of it
	}{
		{"alive", "GET", "/livez", 200, "ok"},
		{"ready", "GET", "/readyz", 200, "ok"},
		{"ready, with the checks", "GET", "/readyz?verbose", 200, "store ok\ndisk ok\nserving ok\n"},
		{"the name that people type", "GET", "/healthz", 200, "ok"},
		{"the name that ElasticMQ has", "GET", "/health", 200, "ok"},
		{"the name that LocalStack has", "GET", "/_localstack/health", 200, `"sqs":"running"`},
		{"a probe by HEAD", "HEAD", "/readyz", 200, ""},
		{"metrics", "GET", "/metrics", 200, `forebay_build_info{`},
		{"metrics of some queues", "GET", "/metrics?queue=x*", 200, "forebay_metrics_queues_omitted 0"},
		{"anything else belongs to the API", "GET", "/000000000000/orders?Action=Dance", 400, "InvalidAction"},
		{"a path with dots is not redirected", "GET", "/a/../livez", 404, "UnknownOperation"},
		{"POST to a health path belongs to the API", "POST", "/livez", 404, "UnknownOperation"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := startInMemory(t, nil)
				defer stop(t, s)
				w := ask(s, tt.method, tt.path, "")
				if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.body) {
					t.Errorf("%s %s = %d %q, want %d with %q", tt.method, tt.path, w.Code, w.Body, tt.status, tt.body)
				}
			})
		})
	}
}

func TestMetricsFollowTheTraffic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startInMemory(t, nil)
		defer stop(t, s)
		act(s, "SendMessage", `{"QueueUrl":"orders","MessageBody":"a"}`)
		act(s, "ReceiveMessage", `{"QueueUrl":"orders"}`)
		act(s, "ReceiveMessage", `{"QueueUrl":"orders","WaitTimeSeconds":5}`)
		act(s, "DeleteMessage", `{"QueueUrl":"orders","ReceiptHandle":"x"}`)
		text := ask(s, "GET", "/metrics", "").Body.String()
		for _, want := range []string{
			`forebay_messages_sent_total 1`,
			`forebay_messages_received_total 1`,
			`forebay_receives_empty_total 1`,
			`forebay_queues{type="standard"} 1`,
			`forebay_queue_messages{queue="orders",state="inflight"} 1`,
			`forebay_http_requests_total{api="sqs",code="ok",operation="SendMessage"} 1`,
			`forebay_http_requests_total{api="sqs",code="ok",operation="ReceiveMessage"} 2`,
			`forebay_http_requests_total{api="sqs",code="ReceiptHandleIsInvalid",operation="DeleteMessage"} 1`,
			`forebay_ready 1`,
		} {
			if !strings.Contains(text, want+"\n") {
				t.Errorf("no line %q in the metrics", want)
			}
		}
		for _, want := range []string{"forebay_store_commit_duration_seconds_count", "forebay_store_fsync_duration_seconds_count"} {
			if !strings.Contains(text, want) || strings.Contains(text, want+" 0\n") {
				t.Errorf("%s is missing or zero after a send", want)
			}
		}
		if t.Failed() {
			t.Log(text)
		}
	})
}

func TestShutdownAnswersLongPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := startInMemory(t, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		act(s, "CreateQueue", `{"QueueName":"orders"}`)
		answers := make(chan *httptest.ResponseRecorder, 1)
		began := time.Now()
		go func() { answers <- act(s, "ReceiveMessage", `{"QueueUrl":"orders","WaitTimeSeconds":20}`) }()
		time.Sleep(5 * time.Second)
		stop(t, s)
		w := <-answers
		if took := time.Since(began); w.Code != 200 || strings.Contains(w.Body.String(), "Messages") || took != 5*time.Second {
			t.Errorf("the long poll ended after %v with %d %q, want an empty 200 at the shutdown after 5s", took, w.Code, w.Body)
		}
		if w := ask(s, "GET", "/readyz", ""); w.Code != 503 {
			t.Errorf("GET /readyz after the shutdown = %d, want 503", w.Code)
		}
		if w := act(s, "SendMessage", `{"QueueUrl":"orders","MessageBody":"late"}`); w.Code < 500 {
			t.Errorf("a send after the shutdown = %d, want a fault", w.Code)
		}
		for _, stage := range []string{"answer long polls", "finish requests", "commit", "close the store"} {
			if !strings.Contains(log.String(), `stage="`+stage+`"`) && !strings.Contains(log.String(), "stage="+stage) {
				t.Errorf("the log does not mention the stage %q:\n%s", stage, &log)
			}
		}
		stop(t, s) // once more is fine
	})
}

func TestWhatWasSentIsThereAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := vfs.NewMem()
		onDisk := func(o *Options) { o.FS = disk }
		s := startInMemory(t, onDisk)
		act(s, "SendMessage", `{"QueueUrl":"orders","MessageBody":"kept"}`)
		stop(t, s)
		s = startInMemory(t, onDisk)
		defer stop(t, s)
		if w := act(s, "ReceiveMessage", `{"QueueUrl":"orders"}`); !strings.Contains(w.Body.String(), "kept") {
			t.Errorf("received %q after the restart, want the message", w.Body)
		}
	})
}

// A failed store is never closed, since its locks may be held for ever: its goroutines stay until the process ends,
// so this test has no bubble.
func TestAFailedWriteIsFatal(t *testing.T) {
	var broken atomic.Bool
	disk := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileWrite) {
			return errors.New("input/output error")
		}
		return nil
	}))
	s := startInMemory(t, func(o *Options) { o.FS = disk })
	broken.Store(true)
	answers := make(chan int, 1)
	go func() { answers <- act(s, "SendMessage", `{"QueueUrl":"orders","MessageBody":"a"}`).Code }()
	err := <-s.Failed()
	if err == nil || !strings.Contains(err.Error(), "input/output error") {
		t.Errorf("Failed() = %v, want the error of the disk", err)
	}
	if code := <-answers; code < 500 {
		t.Errorf("the send was answered %d, want a fault: it is not on disk", code)
	}
	if w := ask(s, "GET", "/readyz?verbose", ""); w.Code != 503 || !strings.Contains(w.Body.String(), "store fail") {
		t.Errorf("GET /readyz?verbose = %d %q, want 503 with the store failing", w.Code, w.Body)
	}
	_ = s.Shutdown(t.Context()) // the process would just exit
}

func TestBackupIsForTheOwnerWithJSON(t *testing.T) {
	stranger := func(*http.Request, []byte) (queue.Caller, error) { return queue.Caller{Account: "000000000000"}, nil }
	nobody := func(*http.Request, []byte) (queue.Caller, error) {
		return queue.Caller{}, queue.Errorf(queue.CodeInvalidSignature, "wrong signature")
	}
	for _, tt := range []struct {
		name         string
		auth         Authenticate
		body, format string
		status       int
		want         string
	}{
		{"a key that is not the root key", stranger, `{"directory":"/x"}`, "application/json", 403, "Only the root key"},
		{"a wrong signature", nobody, `{"directory":"/x"}`, "application/json", 403, "wrong signature"},
		{"a form that a web page could send", nil, `{"directory":"/x"}`, "text/plain", 400, "absolute path"},
		{"a relative path", nil, `{"directory":"x"}`, "application/json", 400, "absolute path"},
		{"no JSON", nil, `directory=/x`, "application/json", 400, "absolute path"},
		{"too much", nil, strings.Repeat(" ", adminBodyMax+1), "application/json", 400, "too long"},
		{"data in memory", nil, `{"directory":"/x"}`, "application/json", 409, "in memory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := startInMemory(t, func(o *Options) { o.Authenticate = tt.auth })
				defer stop(t, s)
				w := ask(s, "POST", "/forebay/v1/backup", tt.body, "Content-Type", tt.format)
				if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
					t.Errorf("backup %q as %s = %d %q, want %d with %q", tt.body, tt.format, w.Code, w.Body, tt.status, tt.want)
				}
			})
		})
	}
}
