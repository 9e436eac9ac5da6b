package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/forebay-mq/forebay/internal/access"
	"github.com/forebay-mq/forebay/internal/queue"
)

func TestFiguresFollowRights(t *testing.T) {
	for _, closed := range []bool{false, true} {
		lock(t, func(o *Options) { o.FiguresClosed, o.CloudWatch = closed, true }, func(l locked) {
			root, web := l.keys.Root(), l.key("web", "a-*")
			sender, err := l.keys.Create("sender", access.KeyOptions{Grants: []queue.Grant{{Kind: queue.GrantSend, Queues: "a-1"}}})
			if err != nil {
				t.Fatal(err)
			}
			none, err := l.keys.Create("none", access.KeyOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"a-1", "a-2", "b-1"} {
				l.act(root, "CreateQueue", `{"QueueName":"`+name+`"}`)
			}
			for _, row := range []struct {
				who  string
				key  access.Key
				sees string
			}{{"root", root, "a-1 a-2 b-1"}, {"a key for a-*", web, "a-1 a-2"}, {"a sender", sender, "a-1"}, {"a key without grants", none, ""}} {
				for path, form := range map[string]string{
					"/metrics": `queue="%s"`, "/metrics?queue=*": `queue="%s"`, "/metrics/cloudwatch": `queue_name="%s"`,
					"/forebay/v1/queues": `"name":"%s"`,
				} {
					w := l.as(row.key, "GET", path, "")
					for _, name := range []string{"a-1", "a-2", "b-1"} {
						want := strings.Contains(row.sees, name)
						if got := strings.Contains(w.Body.String(), fmt.Sprintf(form, name)); w.Code != 200 || got != want {
							t.Errorf("closed %v, %s asks %s: %d, shows %s: %v, want %v", closed, row.who, path, w.Code, name, got, want)
						}
					}
				}
			}
			text := l.as(web, "GET", "/metrics", "").Body.String()
			if strings.Contains(text, "forebay_messages_sent_total") || strings.Contains(text, "go_goroutines") {
				t.Error("a key that is no admin sees the metrics of the whole server")
			}
			for _, path := range []string{"", "/history?metric=visible"} {
				there, missing := l.as(web, "GET", "/forebay/v1/queues/b-1"+path, ""), l.as(web, "GET", "/forebay/v1/queues/b-9"+path, "")
				if there.Code != 403 || missing.Code != 403 || strings.ReplaceAll(missing.Body.String(), "b-9", "b-1") != there.Body.String() {
					t.Errorf("a queue that the key may not see: %d %s; one that is not there: %d %s", there.Code, there.Body, missing.Code, missing.Body)
				}
			}
			suggests := l.as(l.key("wide", "b-1*"), "GET", "/forebay/v1/queues/b-11", "")
			l.wants(suggests, 404, `Did you mean \"b-1\"?`)
			narrow := l.as(l.key("narrow", "b-11"), "GET", "/forebay/v1/queues/b-11", "")
			if narrow.Code != 404 || strings.Contains(narrow.Body.String(), `b-1\"`) {
				t.Errorf("a queue that is not there: %d %s, want 404 without a name that the key may not see", narrow.Code, narrow.Body)
			}
			l.unsignedFigures(closed, root)
		})
	}
}

// unsignedFigures asks without a signature.
func (l locked) unsignedFigures(closed bool, root access.Key) {
	l.t.Helper()
	basic := func(id, secret string) []string {
		r := httptest.NewRequest("GET", "/", nil)
		r.SetBasicAuth(id, secret)
		return []string{"Authorization", r.Header.Get("Authorization")}
	}
	status := 200
	if closed {
		status = 401
	}
	for _, path := range []string{"/metrics", "/metrics/cloudwatch", "/forebay/v1/queues", "/forebay/v1/queues/a-1", "/forebay/v1/queues/a-1/history?metric=visible"} {
		l.wants(l.as(access.Key{}, "GET", path, ""), status, "")
		l.wants(l.as(access.Key{}, "GET", path, "", "Authorization", "Bearer xyz"), status, "")
		l.wants(l.as(access.Key{}, "GET", path, "", basic(root.ID, root.Secret.Reveal())...), 200, "")
		wrong := l.as(access.Key{}, "GET", path, "", basic(root.ID, "wrong")...)
		if (wrong.Code == 200) == closed {
			l.t.Errorf("%s with a wrong password: %d, closed %v", path, wrong.Code, closed)
		}
		l.wants(l.as(access.Key{ID: root.ID, Secret: "wrong"}, "GET", path, ""), 403, "SignatureDoesNotMatch")
	}
	if closed {
		if w := l.as(access.Key{}, "GET", "/metrics", ""); !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic ") {
			l.t.Error("who is turned away is not told how to come in")
		}
	}
	for _, path := range []string{"/livez", "/readyz", "/healthz"} {
		l.wants(l.as(access.Key{}, "GET", path, ""), 200, "")
	}
}

// TestPoliciesSeeTheClientBehindATrustedProxy: the test's own requests come from 192.0.2.1.
func TestPoliciesSeeTheClientBehindATrustedProxy(t *testing.T) {
	condition := func(text string) string {
		policy, _ := json.Marshal(`{"Statement":{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Condition":` + text + `}}`)
		return `{"QueueUrl":"q","Attributes":{"Policy":` + string(policy) + `}}`
	}
	house := condition(`{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`)
	tls := condition(`{"Bool":{"aws:SecureTransport":"true"}}`)
	proxy := condition(`{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`)
	not := condition(`{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`)
	for _, row := range []struct {
		name, policy string
		trusted      bool
		header       []string
		want         int
	}{
		{"the client is in the house", house, true, []string{"X-Forwarded-For", "10.1.2.3"}, 200},
		{"the client is not", house, true, []string{"X-Forwarded-For", "203.0.113.9"}, 403},
		{"the client says that it is, left of what the proxy says", house, true, []string{"X-Forwarded-For", "10.1.2.3, 203.0.113.9"}, 403},
		{"the proxy is not trusted", house, false, []string{"X-Forwarded-For", "10.1.2.3"}, 403},
		{"the address of the proxy is not the client's", proxy, true, []string{"X-Forwarded-For", "203.0.113.9"}, 403},
		{"but it is where the proxy is not trusted", proxy, false, []string{"X-Forwarded-For", "203.0.113.9"}, 200},
		{"an unknown client is in no house", house, true, []string{"X-Forwarded-For", "unknown"}, 403},
		{"nor outside of one", not, true, []string{"X-Forwarded-For", "unknown"}, 403},
		{"a known one is outside", not, true, []string{"X-Forwarded-For", "198.51.100.1"}, 200},
		{"TLS ends at the proxy", tls, true, []string{"X-Forwarded-For", "10.1.2.3", "X-Forwarded-Proto", "https"}, 200},
		{"there was none", tls, true, []string{"X-Forwarded-For", "10.1.2.3", "X-Forwarded-Proto", "http"}, 403},
		{"the proxy does not tell", tls, true, []string{"X-Forwarded-For", "10.1.2.3"}, 403},
		{"TLS of who is not trusted", tls, false, []string{"X-Forwarded-Proto", "https"}, 403},
		{"Forwarded tells both", tls, true, []string{"Forwarded", `for="[2001:db8::1]:80";proto=https`}, 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			lock(t, func(o *Options) {
				if row.trusted {
					o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
				}
			}, func(l locked) {
				root := l.keys.Root()
				l.act(root, "CreateQueue", `{"QueueName":"q"}`)
				l.wants(l.act(root, "SetQueueAttributes", row.policy), 200, "")
				l.wants(l.act(access.Key{}, "SendMessage", `{"QueueUrl":"q","MessageBody":"x"}`, row.header...), row.want, "")
			})
		})
	}
}

func TestDevSeesTheClientToo(t *testing.T) {
	by, err := access.Dev("000000000000", netip.MustParsePrefix("192.0.2.1/32"))(func() *http.Request {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		return r
	}(), nil)
	if err != nil || by.Source.String() != "203.0.113.9" {
		t.Errorf("got %v, %v, want the client's address", by.Source, err)
	}
}
