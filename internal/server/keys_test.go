package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forebay-mq/forebay/internal/access"
	"github.com/forebay-mq/forebay/internal/queue"
)

// locked is a server that checks keys.
type locked struct {
	*Server
	t *testing.T
}

// lock starts a server with keys in a bubble of its own, and stops it when f returns.
func lock(t *testing.T, change func(*Options), f func(locked)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := startInMemory(t, func(o *Options) {
			o.Dev, o.FS, o.Data = false, vfs.NewMem(), t.TempDir()
			if change != nil {
				change(o)
			}
		})
		defer stop(t, s)
		f(locked{s, t})
	})
}

// key makes a key that may do everything with queues of a pattern.
func (l locked) key(name, pattern string, more ...access.Limits) access.Key {
	l.t.Helper()
	opts := access.KeyOptions{Grants: []queue.Grant{{Kind: queue.GrantFull, Queues: pattern}}}
	if len(more) > 0 {
		opts.Limits = more[0]
	}
	key, err := l.keys.Create(name, opts)
	if err != nil {
		l.t.Fatal(err)
	}
	return key
}

// as sends a request signed with a key; the zero key does not sign.
func (l locked) as(key access.Key, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if key.ID != "" {
		sum := sha256.Sum256([]byte(body))
		credentials := aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret.Reveal()}
		err := v4.NewSigner().SignHTTP(context.Background(), credentials, r, hex.EncodeToString(sum[:]), "sqs", "us-east-1", time.Now())
		if err != nil {
			l.t.Error(err)
		}
	}
	w := httptest.NewRecorder()
	l.Handler().ServeHTTP(w, r)
	return w
}

// act performs an action of the SQS API with a key.
func (l locked) act(key access.Key, action, body string, header ...string) *httptest.ResponseRecorder {
	return l.as(key, "POST", "/", body, append(header, "Content-Type", "application/x-amz-json-1.0", "X-Amz-Target", "AmazonSQS."+action)...)
}

// manage sends a request about keys.
func (l locked) manage(key access.Key, method, path, body string) *httptest.ResponseRecorder {
	return l.as(key, method, KeysAPI+path, body, "Content-Type", "application/json")
}

func (l locked) wants(w *httptest.ResponseRecorder, status int, part string) {
	l.t.Helper()
	if w.Code != status || !strings.Contains(w.Body.String()+w.Header().Get("X-Amzn-Query-Error"), part) {
		l.t.Errorf("got %d %s %s, want %d with %q", w.Code, w.Header().Get("X-Amzn-Query-Error"), w.Body, status, part)
	}
}

// lossRow takes a right away from a key whose long poll waits.
type lossRow struct {
	name  string
	setUp func(locked)
	do    func(l locked, root access.Key) error
	want  string // the code; empty: it goes on waiting
}

const badKey, denied = "InvalidClientTokenId", "AccessDenied"

func lossRows() []lossRow {
	denial := `{"QueueUrl":"q","Attributes":{"Policy":"{\"Statement\":{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"sqs:ReceiveMessage\"}}"}}`
	soon := func() time.Time { return time.Now().Add(5 * time.Second) }
	return []lossRow{
		{"its key is disabled", nil, func(l locked, _ access.Key) error { return l.keys.Disable("web") }, badKey},
		{"its key is deleted", nil, func(l locked, _ access.Key) error { return l.keys.Delete("web") }, badKey},
		{"its key is disabled over HTTP", nil, func(l locked, root access.Key) error {
			l.wants(l.manage(root, "PATCH", "/web", `{"disabled":true}`), 200, `"disabled":true`)
			return nil
		}, badKey},
		{"its key expires", func(l locked) {
			at := soon()
			if err := l.keys.Change("web", access.KeyChange{Expires: &at}); err != nil {
				l.t.Fatal(err)
			}
		}, func(locked, access.Key) error { return nil }, badKey},
		{"its key is rotated", nil, func(l locked, _ access.Key) error { _, err := l.keys.Rotate("web", 0); return err }, badKey},
		{"its key is rotated with an overlap", nil, func(l locked, _ access.Key) error {
			_, err := l.keys.Rotate("web", time.Hour)
			return err
		}, ""},
		{"its key loses the grant", nil, func(l locked, _ access.Key) error {
			return l.keys.Change("web", access.KeyChange{Grants: &[]queue.Grant{{Kind: queue.GrantSend, Queues: "*"}}})
		}, denied},
		{"the queue denies it", nil, func(l locked, root access.Key) error {
			l.wants(l.act(root, "SetQueueAttributes", denial), 200, "")
			return nil
		}, denied},
		{"another queue denies it", nil, func(l locked, root access.Key) error {
			l.wants(l.act(root, "SetQueueAttributes", strings.Replace(denial, `"q"`, `"other"`, 1)), 200, "")
			return nil
		}, ""},
		{"another key is deleted", nil, func(l locked, _ access.Key) error { return l.keys.Delete("idle") }, ""},
	}
}

// TestWhoLosesItsRightsWaitsNoLonger: each row takes a right away from a key whose long poll waits, five seconds after
// it began.
func TestWhoLosesItsRightsWaitsNoLonger(t *testing.T) {
	for _, row := range lossRows() {
		t.Run(row.name, func(t *testing.T) {
			lock(t, nil, func(l locked) {
				l.t = t
				root, web := l.keys.Root(), l.key("web", "*")
				l.key("idle", "*")
				l.act(root, "CreateQueue", `{"QueueName":"q"}`)
				l.act(root, "CreateQueue", `{"QueueName":"other"}`)
				if row.setUp != nil {
					row.setUp(l)
				}
				began := time.Now()
				answers := make(chan *httptest.ResponseRecorder, 1)
				go func() { answers <- l.act(web, "ReceiveMessage", `{"QueueUrl":"q","WaitTimeSeconds":20}`) }()
				time.Sleep(5 * time.Second)
				synctest.Wait()
				if err := row.do(l, root); err != nil {
					t.Fatal(err)
				}
				w := <-answers
				if row.want == "" {
					l.wants(w, 200, "{}")
					return
				}
				l.wants(w, 403, row.want)
				if took := time.Since(began); took != 5*time.Second {
					t.Errorf("it was told after %v, want 5s", took)
				}
				if again := l.act(web, "ReceiveMessage", `{"QueueUrl":"q"}`); row.want == badKey {
					l.wants(again, 403, badKey)
					if again.Header().Get("Connection") != "close" {
						t.Error("the connection of a key that is not accepted is kept")
					}
				}
			})
		})
	}
}

func TestWaitsForWorkEndWithTheKey(t *testing.T) {
	lock(t, nil, func(l locked) {
		root, web := l.keys.Root(), l.key("web", "q")
		l.act(root, "CreateQueue", `{"QueueName":"q"}`)
		began := time.Now()
		answers := make(chan *httptest.ResponseRecorder, 1)
		go func() { answers <- l.as(web, "GET", "/forebay/v1/queues/q?wait=60s", "") }()
		time.Sleep(5 * time.Second)
		if err := l.keys.Disable("web"); err != nil {
			t.Fatal(err)
		}
		l.wants(<-answers, 403, "AccessDenied")
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it was told after %v, want 5s", took)
		}
	})
}

func TestKeysAreManagedOverHTTP(t *testing.T) {
	lock(t, nil, func(l locked) {
		root := l.keys.Root()
		w := l.manage(root, "POST", "", `{"name":"web","grants":[{"kind":"full","queues":"a-*"}],"limits":{"messages_per_day":7}}`)
		l.wants(w, 200, `"AccessKeyId":"FB`)
		var made access.Shown
		if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || made.Secret == "" {
			t.Fatalf("the new key: %v, %s", err, w.Body)
		}
		web := access.Key{ID: made.ID, Secret: access.Secret(made.Secret)}
		l.wants(l.act(web, "CreateQueue", `{"QueueName":"a-1"}`), 200, "a-1") // at once
		list := l.manage(root, "GET", "", "")
		l.wants(list, 200, `"last_used"`)
		for _, secret := range []string{made.Secret, root.Secret.Reveal()} {
			if strings.Contains(list.Body.String(), secret) {
				t.Error("the list shows a secret")
			}
		}
		w = l.manage(root, "POST", "/web/rotate", `{"overlap_seconds":60}`)
		l.wants(w, 200, `"previous":[{"AccessKeyId":"`+made.ID)
		l.wants(l.act(web, "GetQueueUrl", `{"QueueName":"a-1"}`), 200, "a-1")
		time.Sleep(time.Minute)
		l.wants(l.act(web, "GetQueueUrl", `{"QueueName":"a-1"}`), 403, "InvalidClientTokenId")

		if info, err := os.Stat(KeysPath(l.opts.Data)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file of keys: %v, %v, want mode 0600", info, err)
		}
		if again, _, err := access.OpenKeys(KeysPath(l.opts.Data)); err != nil || len(again.List()) != 2 {
			t.Errorf("what was answered is not in the file: %v", err)
		}
		limited := l.key("limited", "a-*")
		for _, row := range []struct {
			name               string
			key                access.Key
			method, path, body string
			status             int
			part               string
		}{
			{"a key that may do less lists no keys", limited, "GET", "", "", 403, "AccessDenied"},
			{"nor makes one", limited, "POST", "", `{"name":"x","admin":true}`, 403, "AccessDenied"},
			{"a stranger is refused", access.Key{}, "GET", "", "", 403, "AccessDenied"},
			{"a wrong secret is refused", access.Key{ID: root.ID, Secret: "x"}, "GET", "", "", 403, "SignatureDoesNotMatch"},
			{"a misspelt limit is refused", root, "POST", "", `{"name":"x","limits":{"rate":5}}`, 400, "unknown field"},
			{"a wrong pattern is refused", root, "POST", "", `{"name":"x","grants":[{"kind":"send","queues":"a b"}]}`, 400, "InvalidRequest"},
			{"a wrong moment is refused", root, "PATCH", "/web", `{"expires":"tomorrow"}`, 400, "2027-01-31T12:00:00Z"},
			{"a name that is taken", root, "POST", "", `{"name":"web"}`, 409, "KeyExists"},
			{"a name that there is not", root, "PATCH", "/nobody", `{"disabled":true}`, 404, "KeyNotFound"},
			{"the last admin stays", root, "DELETE", "/root", `{}`, 409, "LastAdmin"},
			{"and is not disabled", root, "PATCH", "/root", `{"disabled":true}`, 409, "LastAdmin"},
			{"no overlap for ever", root, "POST", "/web/rotate", `{"overlap_seconds":1e300}`, 400, "InvalidRequest"},
			{"no overlap into the past", root, "POST", "/web/rotate", `{"overlap_seconds":-1}`, 400, "InvalidRequest"},
			{"another path", root, "POST", "/web/explode", `{}`, 404, "NotFound"},
			{"one key", root, "GET", "/web", "", 200, `"name":"web"`},
			{"deleting", root, "DELETE", "/web", `{}`, 200, `"name":"web"`},
			{"deleting once more", root, "DELETE", "/web", `{}`, 404, "KeyNotFound"},
		} {
			t.Run(row.name, func(t *testing.T) {
				l := locked{l.Server, t}
				l.wants(l.manage(row.key, row.method, row.path, row.body), row.status, row.part)
			})
		}
		l.wants(l.as(root, "POST", KeysAPI, `{"name":"x"}`, "Content-Type", "text/plain"), 415, "application/json")
	})
}

func TestKeysOfADevServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startInMemory(t, nil)
		defer stop(t, s)
		if w := ask(s, "GET", KeysAPI, ""); w.Code != 409 || !strings.Contains(w.Body.String(), "NoKeys") {
			t.Errorf("got %d %s, want 409 NoKeys", w.Code, w.Body)
		}
	})
}

func TestRatesAndQuotasThrottle(t *testing.T) {
	lock(t, nil, func(l locked) {
		root := l.keys.Root()
		l.act(root, "CreateQueue", `{"QueueName":"q"}`)
		slow := l.key("slow", "q", access.Limits{Rate: 2})
		for range 2 {
			l.wants(l.act(slow, "GetQueueUrl", `{"QueueName":"q"}`), 200, "q")
		}
		l.wants(l.act(slow, "GetQueueUrl", `{"QueueName":"q"}`), 403, `"com.amazonaws.sqs#RequestThrottled"`)
		l.wants(l.act(slow, "GetQueueUrl", `{"QueueName":"q"}`), 403, "RequestThrottled;Sender")
		query := func() *httptest.ResponseRecorder {
			return l.as(slow, "POST", "/", "Action=GetQueueUrl&QueueName=q", "Content-Type", "application/x-www-form-urlencoded")
		}
		l.wants(query(), 403, "<Code>RequestThrottled</Code>")
		l.wants(l.as(slow, "GET", "/forebay/v1/queues/q", ""), 429, "RequestThrottled")
		forged := slow
		forged.Secret = "forged"
		time.Sleep(time.Second)
		for range 5 {
			l.wants(l.act(forged, "GetQueueUrl", `{"QueueName":"q"}`), 403, "SignatureDoesNotMatch")
		}
		l.wants(query(), 200, "QueueUrl") // what others send in its name costs a key nothing

		daily := l.key("daily", "*", access.Limits{MessagesDay: 3, BytesDay: 100})
		send := func(body string) *httptest.ResponseRecorder {
			return l.act(daily, "SendMessage", fmt.Sprintf(`{"QueueUrl":"q","MessageBody":%q}`, body))
		}
		l.wants(send("one"), 200, "MessageId")
		l.wants(l.act(daily, "SendMessage", `{"QueueUrl":"missing","MessageBody":"x"}`), 400, "NonExistentQueue")
		batch := `{"QueueUrl":"q","Entries":[{"Id":"a","MessageBody":"x"},{"Id":"b","MessageBody":""}]}`
		l.wants(l.act(daily, "SendMessageBatch", batch), 200, `"Failed"`)
		l.wants(send(strings.Repeat("x", 100)), 403, "100 bytes a day")
		l.wants(send("three"), 200, "MessageId")
		l.wants(send("four"), 403, "3 messages a day, and has sent 3. The next day begins at 2000-01-02T00:00:00Z")
		l.wants(l.act(daily, "ReceiveMessage", `{"QueueUrl":"q"}`), 200, "Messages")
		time.Sleep(24 * time.Hour)
		l.wants(send("tomorrow"), 200, "MessageId")
	})
}

// TestTheWireDoesNotTellWhichQueuesExist asks every action about a queue that is there and one that is not, over both
// protocols, by who has no right to either: the answers differ in the name and the request id alone.
func TestTheWireDoesNotTellWhichQueuesExist(t *testing.T) {
	lock(t, nil, func(l locked) {
		root := l.keys.Root()
		l.act(root, "CreateQueue", `{"QueueName":"there1"}`)
		l.act(root, "CreateQueue", `{"QueueName":"user","Attributes":{"RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:there1\",\"maxReceiveCount\":1}"}}`)
		const arn = "arn:aws:sqs:us-east-1:000000000000:"
		actions := []string{
			"AddPermission", "CancelMessageMoveTask", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch", "CreateQueue",
			"DeleteMessage", "DeleteMessageBatch", "DeleteQueue", "GetQueueAttributes", "GetQueueUrl", "ListDeadLetterSourceQueues",
			"ListMessageMoveTasks", "ListQueues", "ListQueueTags", "PurgeQueue", "ReceiveMessage", "RemovePermission", "SendMessage",
			"SendMessageBatch", "SetQueueAttributes", "StartMessageMoveTask", "TagQueue", "UntagQueue",
		}
		for who, key := range map[string]access.Key{"a stranger": {}, "a key for a-*": l.key("web", "a-*")} {
			for _, action := range actions {
				for _, query := range []bool{false, true} {
					ask := func(name string) string {
						r := l.as(key, "POST", "/", "Action="+action+"&QueueName="+name+"&QueueUrl="+name+"&SourceArn="+arn+name+
							"&ReceiptHandle=x&MessageBody=x&QueueNamePrefix="+name+"&Label=l&VisibilityTimeout=1&Tag.1.Key=k&Tag.1.Value=v"+
							"&TagKey.1=k&Attribute.1.Name=DelaySeconds&Attribute.1.Value=1", "Content-Type", "application/x-www-form-urlencoded")
						if !query {
							body, _ := json.Marshal(map[string]any{"QueueName": name, "QueueUrl": name, "SourceArn": arn + name,
								"ReceiptHandle": "x", "MessageBody": "x", "Label": "l", "VisibilityTimeout": 1, "Tags": map[string]string{"k": "v"},
								"TagKeys": []string{"k"}, "Attributes": map[string]string{"DelaySeconds": "1"}})
							r = l.act(key, action, string(body))
						}
						text := strings.ReplaceAll(r.Body.String(), r.Header().Get("X-Amzn-Requestid"), "ID")
						return fmt.Sprint(r.Code, r.Header().Get("X-Amzn-Query-Error"), strings.ReplaceAll(text, name, "NAME"))
					}
					there, none := ask("there1"), ask("none12")
					if there != none {
						t.Errorf("%s by %s, query %v:\n  there: %s\n  not:   %s", action, who, query, there, none)
					}
					if !strings.Contains(there, "AccessDenied") && action != "CancelMessageMoveTask" {
						t.Errorf("%s by %s, query %v: %s, want it denied", action, who, query, there)
					}
				}
			}
		}
	})
}
