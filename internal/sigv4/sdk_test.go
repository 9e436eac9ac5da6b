package sigv4

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"pgregory.net/rapid"
)

const (
	testKeyID  = "FBTESTTESTTESTTEST22"
	testSecret = "a-secret-of-the-tests-and-of-nothing-else"
)

var testNow = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func testVerifier() *Verifier {
	return New(Options{
		Secret: func(id string) (string, bool) { return testSecret, id == testKeyID },
		Now:    func() time.Time { return testNow },
	})
}

// signing is how a test signs; the zero value is a good way.
type signing struct {
	keyID, secret, region, service, token string
	at                                    time.Time
	expires                               string // not empty: presign
}

// sign lets the SDK sign r and returns the bytes that would go over the wire.
func (s signing) sign(t testing.TB, r *http.Request, body []byte) []byte {
	t.Helper()
	or := func(text, otherwise string) string {
		if text == "" {
			return otherwise
		}
		return text
	}
	if s.at.IsZero() {
		s.at = testNow
	}
	credentials := aws.Credentials{AccessKeyID: or(s.keyID, testKeyID), SecretAccessKey: or(s.secret, testSecret), SessionToken: s.token}
	region, service := or(s.region, "us-east-1"), or(s.service, "sqs")
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	signer := sdk.NewSigner()
	if s.expires == "" {
		if err := signer.SignHTTP(context.Background(), credentials, r, hash, service, region, s.at); err != nil {
			t.Fatal(err)
		}
	} else {
		query := r.URL.Query()
		query.Set("X-Amz-Expires", s.expires)
		r.URL.RawQuery = query.Encode()
		uri, header, err := signer.PresignHTTP(context.Background(), credentials, r, hash, service, region, s.at)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header
		if r.URL, err = url.Parse(uri); err != nil {
			t.Fatal(err)
		}
	}
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	return wire.Bytes()
}

// receive reads a request as a server does.
func receive(wire []byte) (*http.Request, []byte, error) {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(r.Body)
	return r, body, err
}

// drawRequest makes a request with odd paths, repeated parameters and headers, and any body.
func drawRequest(t *rapid.T) (*http.Request, []byte) {
	odd := rapid.StringOf(rapid.RuneFrom([]rune("aZ09-_.~ %+&=;:@!$'()*,/?#[]\"<>^`{|}\\äß世")))
	segments := rapid.SliceOfN(odd, 0, 4).Draw(t, "path")
	query := url.Values{}
	for range rapid.IntRange(0, 5).Draw(t, "parameters") {
		query.Add(rapid.SampledFrom([]string{"Action", "a", "A", "a b", "ä"}).Draw(t, "name"), odd.Draw(t, "value"))
	}
	u := url.URL{Scheme: "http", Host: rapid.SampledFrom([]string{"localhost:4566", "Queue.Example", "127.0.0.1", "[::1]:4566"}).Draw(t, "host"),
		Path: "/" + strings.Join(segments, "/"), RawQuery: query.Encode()}
	r := &http.Request{Method: rapid.SampledFrom([]string{"GET", "POST"}).Draw(t, "method"), URL: &u, Host: u.Host, Header: http.Header{}}
	text := rapid.StringOf(rapid.RuneFrom([]rune("aZ09 -_.;=,\"")))
	for range rapid.IntRange(0, 4).Draw(t, "headers") {
		r.Header.Add(rapid.SampledFrom([]string{"Content-Type", "X-Amz-Target", "X-Amzn-Query-Mode", "Amz-Sdk-Request", "X-Custom"}).Draw(t, "header"), text.Draw(t, "text"))
	}
	return r, rapid.SliceOf(rapid.Byte()).Draw(t, "body")
}

func TestWhatTheSDKSignsIsAccepted(t *testing.T) {
	v := testVerifier()
	rapid.Check(t, func(rt *rapid.T) {
		r, body := drawRequest(rt)
		s := signing{
			region:  rapid.SampledFrom([]string{"us-east-1", "eu-central-1", "local"}).Draw(rt, "region"),
			token:   rapid.SampledFrom([]string{"", "a token/with+signs="}).Draw(rt, "token"),
			expires: rapid.SampledFrom([]string{"", "60"}).Draw(rt, "expires"),
		}
		wire := s.sign(t, r, body)
		arrived, arrivedBody, err := receive(wire)
		if err != nil {
			rt.Skip("not a request that a server can read:", err)
		}
		got, err := v.Verify(arrived, arrivedBody)
		if err != nil {
			rt.Fatalf("%q: %v", wire, err)
		}
		want := Result{AccessKeyID: testKeyID, Region: s.region, Service: "sqs", Signed: testNow, Presigned: s.expires != ""}
		if got != want {
			rt.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

// TestS4AnyByteChangedOnTheWayIsRefused changes one byte of a signed request. Unless the change means nothing
// (the case of a header's name, %2f for %2F) or touches what is not signed, the request must be refused.
func TestS4AnyByteChangedOnTheWayIsRefused(t *testing.T) {
	v := testVerifier()
	refused := 0
	rapid.Check(t, func(rt *rapid.T) {
		r, body := drawRequest(rt)
		s := signing{expires: rapid.SampledFrom([]string{"", "60"}).Draw(rt, "expires")}
		wire := s.sign(t, r, body)
		before, _, err := receive(wire)
		if err != nil {
			rt.Skip(err)
		}
		original := meaning(before, body)
		for range 20 {
			at := rapid.IntRange(0, len(wire)-1).Draw(rt, "at")
			changed := bytes.Clone(wire)
			changed[at] ^= byte(rapid.IntRange(1, 255).Draw(rt, "flip"))
			arrived, arrivedBody, err := receive(changed)
			if err != nil || meaning(arrived, arrivedBody) == original {
				continue
			}
			if _, err := v.Verify(arrived, arrivedBody); err == nil {
				rt.Fatalf("accepted with byte %d changed:\n%q\n%q", at, wire, changed)
			}
			refused++
		}
	})
	if refused < 100 {
		t.Errorf("only %d changes were tried", refused)
	}
}

// meaning writes down everything about a request that a signature protects.
func meaning(r *http.Request, body []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s %q %q\n", r.Method, r.Host, r.URL.EscapedPath(), body, r.Header["Authorization"])
	query, err := url.ParseQuery(r.URL.RawQuery)
	fmt.Fprintf(&b, "%q %v\n", query, err)
	signed := query.Get("X-Amz-SignedHeaders")
	if auth := r.Header.Get("Authorization"); auth != "" {
		_, rest, _ := strings.Cut(auth, "SignedHeaders=")
		signed, _, _ = strings.Cut(rest, ",")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if listed(signed, name) || strings.HasPrefix(name, "X-Amz-") {
			fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(strings.Fields(strings.Join(r.Header[name], ",")), " "))
		}
	}
	return b.String()
}
