package sigv4

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

const testBody = `{"QueueUrl":"http://localhost:4566/000000000000/orders","MessageBody":"hello"}`

// post makes an unsigned SendMessage as SDKs send it.
func post(t testing.TB) *http.Request {
	t.Helper()
	r, err := http.NewRequest("POST", "http://localhost:4566/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
	return r
}

// arrive signs and receives a SendMessage.
func arrive(t testing.TB, s signing) *http.Request {
	t.Helper()
	r, _, err := receive(s.sign(t, post(t), []byte(testBody)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// replaceAuth changes a part of the Authorization header.
func replaceAuth(old, text string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, text, 1))
	}
}

// replaceQuery changes a part of the query.
func replaceQuery(old, text string) func(*http.Request) {
	return func(r *http.Request) { r.URL.RawQuery = strings.Replace(r.URL.RawQuery, old, text, 1) }
}

func set(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

type refusalRow struct {
	name   string
	sign   signing
	change func(*http.Request)
	code   queue.Code
	cause  error
	text   string // a part of the message
}

func checkRefusals(t *testing.T, rows []refusalRow) {
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			r := arrive(t, row.sign)
			if row.change != nil {
				row.change(r)
			}
			_, err := testVerifier().Verify(r, []byte(testBody))
			var refusal *queue.Error
			if !errors.As(err, &refusal) {
				t.Fatalf("got %v, want a refusal", err)
			}
			if refusal.Code != row.code || !errors.Is(err, row.cause) || !strings.Contains(refusal.Message, row.text) {
				t.Errorf("got code %d, %v; want code %d, %v, …%s…", refusal.Code, err, row.code, row.cause, row.text)
			}
		})
	}
}

const mismatchText = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

func TestS1BadCredentials(t *testing.T) {
	incomplete := queue.CodeIncompleteSignature
	checkRefusals(t, []refusalRow{
		{"none at all", signing{}, func(r *http.Request) { r.Header.Del("Authorization") }, queue.CodeAccessDenied, ErrUnsigned, "Access to the resource"},
		{"an unknown key", signing{keyID: "FBNOBODY"}, nil, queue.CodeUnrecognizedClient, ErrUnknownKey, "The security token included in the request is invalid."},
		{"another scheme", signing{}, set("Authorization", "Basic YTpi"), incomplete, ErrMalformed, "must start with AWS4-HMAC-SHA256"},
		{"an empty header", signing{}, set("Authorization", ""), incomplete, ErrMalformed, "must start"},
		{"the asymmetric algorithm", signing{}, replaceAuth("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), incomplete, ErrMalformed, "must start"},
		{"only the algorithm", signing{}, set("Authorization", "AWS4-HMAC-SHA256 "), incomplete, ErrMalformed, ""},
		{"no Credential", signing{}, replaceAuth("Credential", "Credentials"), incomplete, ErrMalformed, "unknown parameter"},
		{"an empty Signature", signing{}, func(r *http.Request) {
			text, _, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			r.Header.Set("Authorization", text+"Signature=")
		}, incomplete, ErrMalformed, "'Signature'"},
		{"no Signature", signing{}, func(r *http.Request) {
			text, _, _ := strings.Cut(r.Header.Get("Authorization"), ", Signature=")
			r.Header.Set("Authorization", text)
		}, incomplete, ErrMalformed, "'Signature'"},
		{"a parameter twice", signing{}, replaceAuth("SignedHeaders=", "SignedHeaders=host, SignedHeaders="), incomplete, ErrMalformed, "once"},
		{"a short scope", signing{}, replaceAuth("/aws4_request", ""), incomplete, ErrMalformed, "exactly 5"},
		{"a long scope", signing{}, replaceAuth("/aws4_request", "/aws4_request/x"), incomplete, ErrMalformed, "exactly 5"},
		{"no key id", signing{}, replaceAuth(testKeyID, ""), incomplete, ErrMalformed, "exactly 5"},
		{"no date", signing{}, func(r *http.Request) { r.Header.Del("X-Amz-Date") }, incomplete, ErrMalformed, "'X-Amz-Date'"},
		{"a date in another form", signing{}, set("X-Amz-Date", "2026-11-20T12:00:00Z"), incomplete, ErrMalformed, "ISO-8601"},
		{"two dates", signing{}, func(r *http.Request) { r.Header.Add("X-Amz-Date", r.Header.Get("X-Amz-Date")) }, incomplete, ErrMalformed, "'X-Amz-Date'"},
		{"an unsigned Date", signing{}, func(r *http.Request) {
			r.Header.Del("X-Amz-Date")
			r.Header.Set("Date", testNow.Format(http.TimeFormat))
		}, incomplete, ErrMalformed, "'Date'"},
	})
}

// TestS2UnknownKeysAreSignedForToo holds that a key that nobody has costs what a wrong signature costs.
func TestS2UnknownKeysAreSignedForToo(t *testing.T) {
	v := testVerifier()
	for i, id := range []string{"FBNOBODY", testKeyID} {
		if _, err := v.Verify(arrive(t, signing{keyID: id, secret: "wrong"}), []byte(testBody)); err == nil {
			t.Fatalf("%s was accepted", id)
		}
		if got := len(v.keys.keys); got != i+1 {
			t.Errorf("after %s: %d signing keys were made, want %d", id, got, i+1)
		}
	}
}

// TestADateHeaderWillDo signs by itself, because the SDK always sends X-Amz-Date.
func TestADateHeaderWillDo(t *testing.T) {
	v := testVerifier()
	r := post(t)
	r.Header = http.Header{"Date": {testNow.Format(http.TimeFormat)}}
	c := claim{date: "20261120", region: "r", service: "sqs", stamp: "20261120T120000Z", signedHeaders: "date;host"}
	s := v.keys.get(testSecret, &c).signers.Get().(*signer)
	signature, err := s.signature(r, r.URL.EscapedPath(), &c, fmt.Appendf(nil, "%x", sha(testBody)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+testKeyID+"/20261120/r/sqs/aws4_request,SignedHeaders=date;host,Signature="+string(signature))
	if _, err := v.Verify(r, []byte(testBody)); err != nil {
		t.Errorf("got %v, want it accepted", err)
	}
	r.Header.Set("Date", testNow.Add(time.Second).Format(http.TimeFormat))
	if _, err := v.Verify(r, []byte(testBody)); !errors.Is(err, ErrMismatch) {
		t.Errorf("with another date: got %v, want %v", err, ErrMismatch)
	}
}

func TestS2WrongSignature(t *testing.T) {
	flip := func(r *http.Request) {
		text := []byte(r.Header.Get("Authorization"))
		text[len(text)-1] ^= 1
		r.Header.Set("Authorization", string(text))
	}
	checkRefusals(t, []refusalRow{
		{"another secret", signing{secret: "wrong"}, nil, queue.CodeInvalidSignature, ErrMismatch, mismatchText},
		{"one byte", signing{}, flip, queue.CodeInvalidSignature, ErrMismatch, mismatchText},
		{"cut short", signing{}, func(r *http.Request) {
			text := r.Header.Get("Authorization")
			r.Header.Set("Authorization", text[:len(text)-1])
		}, queue.CodeInvalidSignature, ErrMismatch, mismatchText},
		{"another method", signing{}, func(r *http.Request) { r.Method = "PUT" }, queue.CodeInvalidSignature, ErrMismatch, mismatchText},
		{"another host", signing{}, func(r *http.Request) { r.Host = "localhost:4567" }, queue.CodeInvalidSignature, ErrMismatch, mismatchText},
		{"a parameter more", signing{}, func(r *http.Request) { r.URL.RawQuery = "a=b" }, queue.CodeInvalidSignature, ErrMismatch, mismatchText},
		{"a parameter that is no encoding", signing{}, func(r *http.Request) { r.URL.RawQuery = "a=%zz" }, queue.CodeInvalidSignature, ErrMismatch, "encoded"},
	})
}

func TestS3StrippedSignatures(t *testing.T) {
	incomplete := queue.CodeIncompleteSignature
	checkRefusals(t, []refusalRow{
		{"no signed headers", signing{}, func(r *http.Request) {
			before, rest, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
			_, after, _ := strings.Cut(rest, ",")
			r.Header.Set("Authorization", before+"SignedHeaders=,"+after)
		}, incomplete, ErrMalformed, "'SignedHeaders'"},
		{"the host unsigned", signing{}, replaceAuth("host;", ""), incomplete, ErrMalformed, "'Host'"},
		{"the target unsigned", signing{}, replaceAuth(";x-amz-target", ""), incomplete, ErrMalformed, "'X-Amz-Target'"},
		{"the date unsigned", signing{}, replaceAuth("x-amz-date;", ""), incomplete, ErrMalformed, "'X-Amz-Date'"},
		{"an x-amz- header added", signing{}, set("X-Amz-Anything", "x"), incomplete, ErrMalformed, "'X-Amz-Anything'"},
		{"a signed header removed", signing{}, func(r *http.Request) { r.Header.Del("Content-Type") }, queue.CodeInvalidSignature, ErrMismatch, "'content-type'"},
		{"a signed header changed", signing{}, set("Content-Type", "text/plain"), queue.CodeInvalidSignature, ErrMismatch, mismatchText},
		{"a signed header repeated", signing{}, func(r *http.Request) { r.Header.Add("X-Amz-Target", "AmazonSQS.PurgeQueue") }, queue.CodeInvalidSignature, ErrMismatch, mismatchText},
		{"the list of headers unsorted", signing{}, replaceAuth("content-type;host", "host;content-type"), incomplete, ErrMalformed, "sorted"},
		{"the list of headers in upper case", signing{}, replaceAuth("host", "Host"), incomplete, ErrMalformed, "lower case"},
		{"a header twice in the list", signing{}, replaceAuth("host", "host;host"), incomplete, ErrMalformed, "once"},
		{"a second Authorization", signing{}, func(r *http.Request) { r.Header.Add("Authorization", "x") }, incomplete, ErrMalformed, "one Authorization header"},
		{"the query signed too", signing{}, func(r *http.Request) { r.URL.RawQuery = "X-Amz-Signature=x" }, incomplete, ErrMalformed, "one auth mechanism"},
		{"an unsigned payload", signing{}, set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), incomplete, ErrMalformed, "'X-Amz-Content-Sha256'"},
	})
}

func TestS3TheBodyIsAlwaysChecked(t *testing.T) {
	v := testVerifier()
	if _, err := v.Verify(arrive(t, signing{}), []byte(testBody+" ")); !errors.Is(err, ErrMismatch) {
		t.Errorf("another body: got %v, want %v", err, ErrMismatch)
	}
	for hash, want := range map[string]error{
		"UNSIGNED-PAYLOAD":                   ErrMismatch,
		"STREAMING-AWS4-HMAC-SHA256-PAYLOAD": ErrMismatch,
		strings.Repeat("0", 64):              ErrMismatch,
		"5d6b2eecd3d3b4a3c0b0e4fdf1d5bd1d":   ErrMismatch,
		fmt.Sprintf("%x", sha(testBody)):     nil,
	} {
		r := post(t)
		r.Header.Set("X-Amz-Content-Sha256", hash)
		arrived, _, err := receive(signing{}.sign(t, r, []byte(testBody)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(arrived, []byte(testBody)); !errors.Is(err, want) {
			t.Errorf("announced as %s: got %v, want %v", hash, err, want)
		}
	}
}

func TestProxiesMayAddHeadersOfTheirOwn(t *testing.T) {
	r := arrive(t, signing{})
	for _, name := range []string{"X-Amzn-Trace-Id", "X-Forwarded-For", "X-Amz-Cf-Id", "Via", "Accept-Encoding"} {
		r.Header.Set(name, "added")
	}
	if _, err := testVerifier().Verify(r, []byte(testBody)); err != nil {
		t.Errorf("got %v, want it accepted", err)
	}
}

func TestS5ClockAndScope(t *testing.T) {
	invalid := queue.CodeInvalidSignature
	checkRefusals(t, []refusalRow{
		{"too old", signing{at: testNow.Add(-SkewMax - time.Second)}, nil, invalid, ErrSkew,
			"Signature expired: 20261120T114459Z is now earlier than 20261120T114500Z (20261120T120000Z - 15 min.)"},
		{"too new", signing{at: testNow.Add(SkewMax + time.Second)}, nil, invalid, ErrSkew,
			"Signature not yet current: 20261120T121501Z is still later than 20261120T121500Z (20261120T120000Z + 15 min.)"},
		{"another day in the scope", signing{}, replaceAuth("/20261120/", "/20261119/"), invalid, ErrMismatch, "Date in Credential scope"},
		{"another region than was signed", signing{}, replaceAuth("/us-east-1/", "/us-east-2/"), invalid, ErrMismatch, mismatchText},
		{"no region", signing{}, replaceAuth("/us-east-1/", "//"), invalid, ErrMismatch, "valid region"},
		{"another service", signing{service: "s3"}, nil, invalid, ErrMismatch, "correct service: 'sqs'"},
		{"another terminator", signing{}, replaceAuth("aws4_request", "aws4_reques"), invalid, ErrMismatch, "valid terminator"},
	})
	for _, skew := range []time.Duration{-SkewMax, SkewMax} {
		if _, err := testVerifier().Verify(arrive(t, signing{at: testNow.Add(skew)}), []byte(testBody)); err != nil {
			t.Errorf("a skew of %v: got %v, want it accepted", skew, err)
		}
	}
}

func TestARegionCanBeRequired(t *testing.T) {
	v := testVerifier()
	v.opts.Region = "eu-central-1"
	if _, err := v.Verify(arrive(t, signing{region: "eu-central-1"}), []byte(testBody)); err != nil {
		t.Errorf("the region: got %v, want it accepted", err)
	}
	if _, err := v.Verify(arrive(t, signing{region: "us-east-1"}), []byte(testBody)); !errors.Is(err, ErrMismatch) {
		t.Errorf("another region: got %v, want %v", err, ErrMismatch)
	}
}

func TestS6PresignedRequests(t *testing.T) {
	incomplete, invalid := queue.CodeIncompleteSignature, queue.CodeInvalidSignature
	hour := signing{expires: "3600"}
	unsign := func(r *http.Request) { r.Header.Set("X-Amz-Target", "AmazonSQS.PurgeQueue") }
	checkRefusals(t, []refusalRow{
		{"over", signing{expires: "3600", at: testNow.Add(-time.Hour - time.Second)}, nil, invalid, ErrExpired,
			"Signature expired: 20261120T115959Z is now earlier than 20261120T120000Z"},
		{"from the future", signing{expires: "3600", at: testNow.Add(time.Hour)}, nil, invalid, ErrSkew, "Signature not yet current"},
		{"for more than a week", signing{expires: "604801"}, nil, incomplete, ErrMalformed, "604800"},
		{"for no time", signing{expires: "0"}, nil, incomplete, ErrMalformed, "604800"},
		{"for a negative time", signing{expires: "-1"}, nil, incomplete, ErrMalformed, "604800"},
		{"made longer", hour, replaceQuery("X-Amz-Expires=3600", "X-Amz-Expires=7200"), invalid, ErrMismatch, mismatchText},
		{"of another key", signing{expires: "3600", keyID: "FBNOBODY"}, nil, queue.CodeUnrecognizedClient, ErrUnknownKey, ""},
		{"of another method", hour, func(r *http.Request) { r.Method = "GET" }, invalid, ErrMismatch, mismatchText},
		{"of another path", hour, func(r *http.Request) { r.URL.Path = "/other" }, invalid, ErrMismatch, mismatchText},
		{"with another target", hour, unsign, incomplete, ErrMalformed, "'X-Amz-Target'"},
		{"without the expiry", hour, replaceQuery("X-Amz-Expires=", "x="), incomplete, ErrMalformed, "'X-Amz-Expires'"},
		{"without the signature", hour, replaceQuery("X-Amz-Signature=", "x="), incomplete, ErrMalformed, "'X-Amz-Signature'"},
		{"with two signatures", hour, replaceQuery("X-Amz-Signature=", "X-Amz-Signature=x&X-Amz-Signature="), incomplete, ErrMalformed, "once"},
		{"with a disguised second one", hour, replaceQuery("X-Amz-Signature=", "X-Amz-%53ignature=x&X-Amz-Signature="), incomplete, ErrMalformed, "once"},
		{"of another algorithm", hour, replaceQuery("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), incomplete, ErrMalformed, "only supports"},
		{"with an Authorization header", hour, set("Authorization", "AWS4-HMAC-SHA256 x"), incomplete, ErrMalformed, "one auth mechanism"},
	})
	if _, err := testVerifier().Verify(arrive(t, signing{expires: "604800", at: testNow.Add(-ExpiresMax)}), []byte(testBody)); err != nil {
		t.Errorf("in the last second of a week: got %v, want it accepted", err)
	}
}
