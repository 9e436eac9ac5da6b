package access

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/forebay-mq/forebay/internal/queue"
)

const testAccount = "000000000000"

var testNow = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// signed makes a request that was signed with a key.
func signed(t testing.TB, key Key, at time.Time) *http.Request {
	t.Helper()
	r := httptest.NewRequest("POST", "http://localhost:4566/", nil)
	r.RemoteAddr = "192.0.2.7:1234"
	sum := sha256.Sum256(nil)
	credentials := aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret.Reveal()}
	if err := sdk.NewSigner().SignHTTP(context.Background(), credentials, r, hex.EncodeToString(sum[:]), "sqs", "us-east-1", at); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAuthenticate covers S1, S2, S5 and S21 from the keys file to the caller.
func TestAuthenticate(t *testing.T) {
	k := openTestKeys(t)
	create := func(name string, opts KeyOptions) Key {
		key, err := k.Create(name, opts)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	web := create("web", KeyOptions{Grants: []queue.Grant{{Kind: queue.GrantSend, Queues: "in-*"}}})
	partner := create("partner", KeyOptions{Account: "111122223333"})
	off := create("off", KeyOptions{})
	if err := k.Disable("off"); err != nil {
		t.Fatal(err)
	}
	forged := k.Root()
	forged.Secret = web.Secret
	source := netip.MustParseAddr("192.0.2.7")
	basic := httptest.NewRequest("GET", "/", nil)
	basic.SetBasicAuth("a", "b")
	basic.RemoteAddr = "192.0.2.7:1"
	unsigned := httptest.NewRequest("GET", "/?Action=ListQueues", nil)
	unsigned.RemoteAddr, unsigned.TLS = "[::ffff:192.0.2.7]:1", &tls.ConnectionState{}

	for _, row := range []struct {
		name    string
		request *http.Request
		want    queue.Caller
		code    queue.Code
		failure Failure // empty: let in
	}{
		{"the root owns the account", signed(t, k.Root(), testNow),
			queue.Caller{Account: testAccount, Principal: "arn:aws:iam::000000000000:root", ID: k.Root().ID, Owner: true, Source: source}, 0, ""},
		{"a key has its grants", signed(t, web, testNow),
			queue.Caller{Account: testAccount, Principal: "arn:aws:iam::000000000000:user/web", ID: web.ID, Grants: &queue.Policy{}, Source: source}, 0, ""},
		{"a key of another account", signed(t, partner, testNow),
			queue.Caller{Account: "111122223333", Principal: "arn:aws:iam::111122223333:user/partner", ID: partner.ID, Source: source}, 0, ""},
		{"a stranger, over TLS", unsigned, queue.Caller{Source: source, Secure: true}, 0, ""},
		{"a disabled key", signed(t, off, testNow), queue.Caller{Source: source}, queue.CodeUnrecognizedClient, FailureUnknownKey},
		{"the keys that the whole world knows", signed(t, Key{ID: "test", Secret: "test"}, testNow), queue.Caller{Source: source}, queue.CodeUnrecognizedClient, FailureUnknownKey},
		{"another's secret", signed(t, forged, testNow), queue.Caller{Source: source}, queue.CodeInvalidSignature, FailureBadSignature},
		{"an old request", signed(t, web, testNow.Add(-time.Hour)), queue.Caller{Source: source}, queue.CodeInvalidSignature, FailureSkew},
		{"another scheme", basic, queue.Caller{Source: source}, queue.CodeIncompleteSignature, FailureBadSignature},
	} {
		t.Run(row.name, func(t *testing.T) {
			var failure Failure
			a := NewAuthenticator(AuthenticatorOptions{
				Keys: k, Account: testAccount, OnFailure: func(f Failure) { failure = f }, Now: func() time.Time { return testNow },
			})
			got, err := a.Authenticate(row.request, nil)
			var refusal *queue.Error
			if errors.As(err, &refusal) != (row.failure != "") || refusal != nil && refusal.Code != row.code {
				t.Errorf("got %v, want code %d", err, row.code)
			}
			if failure != row.failure {
				t.Errorf("the failure counted is %q, want %q", failure, row.failure)
			}
			if (got.Grants != nil) != (row.want.Grants != nil) {
				t.Errorf("it has grants: %v, want %v", got.Grants != nil, row.want.Grants != nil)
			}
			ignored := cmp.Options{cmpopts.IgnoreFields(queue.Caller{}, "Grants"), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })}
			if diff := cmp.Diff(row.want, got, ignored); diff != "" {
				t.Errorf("the caller (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDevLetsEverybodyIn(t *testing.T) {
	authenticate := Dev(testAccount)
	header := httptest.NewRequest("POST", "/", nil)
	header.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=anything/20200101/x/sqs/aws4_request, SignedHeaders=, Signature=")
	query := httptest.NewRequest("GET", "/?Action=ListQueues&X-Amz-Credential=any%2F20200101&x=y", nil)
	for _, row := range []struct {
		name    string
		request *http.Request
		id      string
	}{
		{"no signature", httptest.NewRequest("GET", "/", nil), testAccount},
		{"any signature", header, "anything"},
		{"any query", query, "any"},
	} {
		by, err := authenticate(row.request, nil)
		if err != nil || !by.Owner || by.Account != testAccount || by.ID != row.id {
			t.Errorf("%s: got %+v, %v, want the owner with id %q", row.name, by, err, row.id)
		}
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	k := openTestKeys(b)
	a := NewAuthenticator(AuthenticatorOptions{Keys: k, Account: testAccount, Now: func() time.Time { return testNow }})
	r := signed(b, k.Root(), testNow)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(r, nil); err != nil {
			b.Fatal(err)
		}
	}
}
