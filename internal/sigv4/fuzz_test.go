package sigv4

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/forebay-mq/forebay/internal/queue"
)

func sha(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// FuzzAuthorization holds that no header panics, and that none is accepted without the secret.
func FuzzAuthorization(f *testing.F) {
	f.Add(arrive(f, signing{secret: "another"}).Header.Get("Authorization"), "20261120T120000Z", "/a//b", "a=b&c")
	f.Add("AWS4-HMAC-SHA256 Credential=a/b/c/d/e,SignedHeaders=host,Signature=00", "20261120T120000Z", "/", "")
	f.Add("AWS4-HMAC-SHA256 ,,=,", "", "", "%")
	v := testVerifier()
	f.Fuzz(func(t *testing.T, authorization, stamp, path, query string) {
		r := &http.Request{Method: "POST", Host: "h", URL: &url.URL{Path: path, RawQuery: query},
			Header: http.Header{"Authorization": {authorization}, "X-Amz-Date": {stamp}}}
		checkRefused(t, v, r)
	})
}

// FuzzPresigned holds the same for queries.
func FuzzPresigned(f *testing.F) {
	f.Add(arrive(f, signing{secret: "another", expires: "60"}).URL.RawQuery)
	f.Add("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/b/c/d/e&X-Amz-Date=20261120T120000Z&X-Amz-Expires=1&X-Amz-SignedHeaders=host&X-Amz-Signature=0")
	f.Add("X-Amz-Signature=%&&=;=&+")
	v := testVerifier()
	f.Fuzz(func(t *testing.T, query string) {
		r := &http.Request{Method: "GET", Host: "h", URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{}}
		checkRefused(t, v, r)
	})
}

func checkRefused(t *testing.T, v *Verifier, r *http.Request) {
	t.Helper()
	_, err := v.Verify(r, nil)
	var refusal *queue.Error
	if !errors.As(err, &refusal) {
		t.Errorf("%+v %q: got %v, want a refusal", r.URL, r.Header, err)
	}
}

func BenchmarkVerify(b *testing.B) {
	v := testVerifier()
	r := arrive(b, signing{})
	body := []byte(testBody)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(r, body); err != nil {
			b.Fatal(err)
		}
	}
}

func TestSigningKeysAreBounded(t *testing.T) {
	var keys signingKeys
	for i := range 3 * signingKeysMax {
		keys.get("secret", &claim{date: "20261120", service: "sqs", region: string(rune('a' + i))})
		if len(keys.keys) > signingKeysMax {
			t.Fatalf("%d keys are remembered, at most %d should be", len(keys.keys), signingKeysMax)
		}
	}
}
