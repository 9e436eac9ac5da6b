package httpserve

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPagesOfOtherSites(t *testing.T) {
	p := &Pages{Hosts: []string{"queues.example.com", "*.ci.example.com"}, Origins: []string{"https://app.example.com"}}
	for _, row := range []struct {
		name, host string
		headers    []string // names and values in turn
		want       error
	}{
		{"a program on this machine", "localhost:4566", nil, nil},
		{"a program that uses the address", "127.0.0.1:4566", nil, nil},
		{"a program that uses an address of IPv6", "[::1]:4566", nil, nil},
		{"a program that uses another address of the machine", "192.168.1.5:4566", nil, nil},
		{"a program in another container", "forebay:4566", nil, nil},
		{"a program in another pod", "forebay.queues.svc.cluster.local:4566", nil, nil},
		{"a program in a container that uses the machine around it", "host.docker.internal:4566", nil, nil},
		{"a program of HTTP/1.0 that names no host", "", nil, nil},
		{"a name below localhost, which browsers keep here", "sqs.localhost:4566", nil, nil},
		{"a name of the settings", "Queues.Example.com:4566", nil, nil},
		{"a name of the settings with the dot of the root", "queues.example.com.:4566", nil, nil},
		{"a name below one of the settings", "a.b.ci.example.com", nil, nil},
		{"a name that has its end like one of the settings", "evilqueues.example.com", nil, ErrHost},
		{"a page that had its name point here", "evil.example:4566", []string{"Origin", "http://evil.example:4566"}, ErrHost},
		{"the same, by a link", "evil.example", nil, ErrHost},
		{"a name that looks like an address", "127.0.0.1.evil.example", nil, ErrHost},
		{"a name that looks like this machine", "localhost.evil.example", nil, ErrHost},
		{"a script of another site", "localhost:4566", []string{"Origin", "https://evil.example"}, ErrOrigin},
		{"a form of another site", "localhost:4566", []string{"Origin", "null"}, ErrOrigin},
		{"a page on another port of this machine", "localhost:4566", []string{"Origin", "http://localhost:3000"}, ErrOrigin},
		{"an image in a page of another site", "localhost:4566", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, ErrOrigin},
		{"an image in a page on another port", "localhost:4566", []string{"Sec-Fetch-Site", "same-site"}, ErrOrigin},
		{"a link in a page of another site", "localhost:4566", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, ErrOrigin},
		{"an image in an old browser", "localhost:4566", []string{"Referer", "https://evil.example/"}, ErrOrigin},
		{"two origins", "localhost:4566", []string{"Origin", "http://localhost:4566", "Origin", "https://evil.example"}, ErrOrigin},
		{"a script of a page from here", "localhost:4566", []string{"Origin", "http://localhost:4566"}, nil},
		{"an address typed by a person", "localhost:4566", []string{"Sec-Fetch-Site", "none"}, nil},
		{"a script of a site of the settings", "localhost:4566", []string{"Origin", "https://app.example.com", "Sec-Fetch-Site", "cross-site"}, nil},
		{"the usual port, left out by one and not by the other", "localhost:80", []string{"Origin", "http://localhost"}, nil},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = row.host
		for i := 0; i < len(row.headers); i += 2 {
			r.Header.Add(row.headers[i], row.headers[i+1])
		}
		if got := p.Check(r); !errors.Is(got, row.want) {
			t.Errorf("%s: Check: got %v, want %v", row.name, got, row.want)
		}
		if row.name == "a link in a page of another site" {
			if err := (&Pages{Links: true}).Check(r); err != nil {
				t.Errorf("%s, where that is harmless: %v", row.name, err)
			}
		}
	}
}

func TestCORS(t *testing.T) {
	reached := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) })
	const app = "https://app.example.com"
	ask := []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,x-amz-target"}
	for _, row := range []struct {
		name    string
		origins []string
		method  string
		headers []string
		status  int
		want    string // headers that CORS has set
	}{
		{"it is off", nil, "POST", []string{"Origin", app}, 418, ""},
		{"a preflight while it is off goes to the handler", nil, "OPTIONS", append(ask, "Origin", app), 418, ""},
		{"a page that may", []string{app}, "POST", []string{"Origin", app}, 418, "Origin=" + app + " Expose=X-Id Vary=Origin"},
		{"a page that may not is not told anything", []string{app}, "POST", []string{"Origin", "https://evil.example"}, 418, "Vary=Origin"},
		{"a program", []string{app}, "POST", nil, 418, "Vary=Origin"},
		{"any page", []string{"*"}, "POST", []string{"Origin", app}, 418, "Origin=* Expose=X-Id"},
		{"the preflight of a page that may", []string{app}, "OPTIONS", append(ask, "Origin", app), 204,
			"Origin=" + app + " Methods=GET, POST Headers=authorization,x-amz-target Age=600 Vary=Origin,Access-Control-Request-Headers"},
		{"the preflight of a page that may not", []string{app}, "OPTIONS", append(ask, "Origin", "https://evil.example"), 403, "Vary=Origin"},
		{"a question of a program about methods is no preflight", []string{app}, "OPTIONS", nil, 418, "Vary=Origin"},
		{"a page of the internet that may reach into this network", []string{app}, "OPTIONS",
			append(ask, "Origin", app, "Access-Control-Request-Private-Network", "true"), 204,
			"Origin=" + app + " Methods=GET, POST Headers=authorization,x-amz-target Age=600 Private=true Vary=Origin,Access-Control-Request-Headers,Access-Control-Request-Private-Network"},
		{"any page, which may not reach into this network from the internet", []string{"*"}, "OPTIONS",
			append(ask, "Origin", app, "Access-Control-Request-Private-Network", "true"), 204,
			"Origin=* Methods=GET, POST Headers=authorization,x-amz-target Age=600 Vary=Access-Control-Request-Headers"},
		{"a preflight that asks for more headers than there are", []string{app}, "OPTIONS",
			[]string{"Origin", app, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", strings.Repeat("x", 2000)}, 204,
			"Origin=" + app + " Methods=GET, POST Age=600 Vary=Origin,Access-Control-Request-Headers"},
	} {
		h := CORS{Origins: row.origins, Methods: []string{"GET", "POST"}, Expose: []string{"X-Id"}, Setting: "cors_origins"}.Handler(reached)
		r := httptest.NewRequest(row.method, "/", nil)
		for i := 0; i < len(row.headers); i += 2 {
			r.Header.Add(row.headers[i], row.headers[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := corsOf(w.Header()); w.Code != row.status || got != row.want {
			t.Errorf("%s: got %d %q, want %d %q", row.name, w.Code, got, row.status, row.want)
		}
		if row.status == 403 && !strings.Contains(w.Body.String(), "cors_origins") {
			t.Errorf("%s: the refusal names no setting: %q", row.name, w.Body)
		}
	}
}

// corsOf writes down what a response says about other origins.
func corsOf(h http.Header) string {
	var all []string
	for _, name := range []string{"Allow-Origin", "Allow-Methods", "Allow-Headers", "Max-Age", "Expose-Headers", "Allow-Private-Network", "Allow-Credentials"} {
		if value := h.Get("Access-Control-" + name); value != "" {
			short := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(name, "Allow-"), "Max-"), "-Headers")
			all = append(all, strings.TrimSuffix(short, "-Network")+"="+value)
		}
	}
	if vary := h.Values("Vary"); len(vary) > 0 {
		all = append(all, "Vary="+strings.Join(vary, ","))
	}
	return strings.Join(all, " ")
}
