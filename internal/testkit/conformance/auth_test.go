package conformance

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/forebay-mq/forebay/internal/access"
	"github.com/forebay-mq/forebay/internal/queue"
	"github.com/forebay-mq/forebay/internal/testkit"
)

// authRows are the rows about signatures and who may do what.
func authRows() []row {
	return []row{
		{id: "SQS-AUTH-01", test: validSignatures},
		{id: "SQS-AUTH-02", test: badSignatures},
		{id: "SQS-AUTH-03", test: wrongScope},
		{id: "SQS-AUTH-04", test: policyForEverybody},
		{id: "SQS-AUTH-05", test: notPermitted},
		{id: "SQS-AUTH-06", test: authenticationOff},
	}
}

// locked is a server that checks signatures.
type locked struct {
	*testkit.Kit
	keys     *access.Keys
	protocol testkit.Protocol
}

// lock starts a server that checks signatures, for one region when that is given.
func lock(t *testing.T, p testkit.Protocol, region string) locked {
	t.Helper()
	keys, _, err := access.OpenKeys(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatalf("open the keys: %v", err)
	}
	a := access.NewAuthenticator(access.AuthenticatorOptions{Keys: keys, Account: testkit.Account, Region: region})
	return locked{testkit.New(t, testkit.Options{Authenticate: a.Authenticate}), keys, p}
}

// as returns a client that signs with a key.
func (l locked) as(key access.Key) *testkit.Client {
	c := l.Client(l.protocol)
	c.Sign = func(r *http.Request) error { return signature{key: key}.sign(r) }
	return c
}

// root returns the client of the owner, stranger one that does not sign.
func (l locked) root() *testkit.Client     { return l.as(l.keys.Root()) }
func (l locked) stranger() *testkit.Client { return l.Client(l.protocol) }

// signature says how to sign. What is left out is as it should be.
type signature struct {
	key     access.Key
	service string
	region  string
	late    time.Duration // how far the client's clock is ahead
	noHash  bool          // without x-amz-content-sha256
}

func (s signature) sign(r *http.Request) error {
	return v4.NewSigner().SignHTTP(context.Background(), s.credentials(), r, s.hash(r), s.scopeService(), s.scopeRegion(), time.Now().Add(s.late))
}

func (s signature) credentials() aws.Credentials {
	return aws.Credentials{AccessKeyID: s.key.ID, SecretAccessKey: s.key.Secret.Reveal()}
}

func (s signature) scopeService() string {
	if s.service == "" {
		return "sqs"
	}
	return s.service
}

func (s signature) scopeRegion() string {
	if s.region == "" {
		return testkit.Region
	}
	return s.region
}

// hash returns the SHA-256 of the request's body, and puts it in a header unless that is not wanted.
func (s signature) hash(r *http.Request) string {
	var body []byte
	if r.GetBody != nil {
		copied, _ := r.GetBody()
		body, _ = io.ReadAll(copied)
	}
	sum := sha256.Sum256(body)
	text := hex.EncodeToString(sum[:])
	if !s.noHash {
		r.Header.Set("X-Amz-Content-Sha256", text)
	}
	return text
}

// signed sends ListQueues with a signature.
func (l locked) signed(t *testing.T, s signature) testkit.Response {
	t.Helper()
	c := l.stranger()
	r := ask(t, c, "ListQueues", nil)
	if err := s.sign(r); err != nil {
		t.Fatalf("sign: %v", err)
	}
	return c.RawCall("ListQueues", r)
}

func validSignatures(t *testing.T, c *testkit.Client) {
	l := lock(t, c.Protocol, "")
	for _, noHash := range []bool{false, true} {
		r := l.signed(t, signature{key: l.keys.Root(), noHash: noHash})
		if r.Status != 200 {
			t.Errorf("signed, noHash %v: got %d %s %q, want 200", noHash, r.Status, r.Code, r.Message)
		}
	}
	url := l.root().CreateQueue("q", nil)
	l.root().Send(url, "signed \r\n é😀 +%20")
	bodies(t, "received", l.root().Receive(url), "signed \r\n é😀 +%20")
	if c.Protocol == testkit.JSON {
		return
	}
	parameters := testkit.Flatten("SendMessage", Map{"QueueUrl": url, "MessageBody": "presigned &=+ é"})
	parameters.Set("X-Amz-Expires", "60")
	r := get("/", strings.ReplaceAll(parameters.Encode(), "+", "%20"))
	empty := sha256.Sum256(nil)
	at, _, err := v4.NewSigner().PresignHTTP(t.Context(), signature{key: l.keys.Root()}.credentials(), r, hex.EncodeToString(empty[:]), "sqs", testkit.Region, time.Now())
	if err != nil {
		t.Fatalf("presign: %v", err)
	}
	presigned := func() testkit.Response {
		r, _ := http.NewRequest(http.MethodGet, at, nil)
		return l.stranger().RawCall("SendMessage", r)
	}
	if got := presigned(); got.Status != 200 {
		t.Errorf("presigned: got %d %s %q, want 200", got.Status, got.Code, got.Message)
	}
	bodies(t, "received", l.root().Receive(url), "presigned &=+ é")
	l.Advance(61 * second)
	same(t, "presigned and expired", presigned().Status, 403)
}

func badSignatures(t *testing.T, c *testkit.Client) {
	l := lock(t, c.Protocol, "")
	unsigned := l.stranger().Call("ListQueues", nil)
	same(t, "no credentials", unsigned.Code, "AccessDenied")

	key := l.keys.Root()
	unknown, wrong := key, key
	unknown.ID = "AKIAIOSFODNN7EXAMPLE"
	wrong.Secret = "wrong"
	for _, row := range []struct {
		what       string
		sign       signature
		code, part string
	}{
		{"unknown key", signature{key: unknown}, "InvalidClientTokenId", "The security token included in the request is invalid."},
		{"wrong secret", signature{key: wrong}, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. " +
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."},
		{"a clock 16 minutes behind", signature{key: key, late: -16 * minute}, "SignatureDoesNotMatch", "Signature expired: "},
		{"a clock 16 minutes ahead", signature{key: key, late: 16 * minute}, "SignatureDoesNotMatch", "Signature not yet current: "},
	} {
		r := l.signed(t, row.sign)
		same(t, row.what, r.Code, row.code)
		contains(t, row.what, r.Message, row.part)
	}
	for _, late := range []time.Duration{-14 * minute, 14 * minute} {
		same(t, "a clock 14 minutes off", l.signed(t, signature{key: key, late: late}).Status, 200)
	}
	for _, header := range []string{"nonsense", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=x", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=, Signature=zz"} {
		r := ask(t, l.stranger(), "ListQueues", nil)
		r.Header.Set("Authorization", header)
		r.Header.Set("X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"))
		same(t, header, l.stranger().RawCall("ListQueues", r).Code, "IncompleteSignature")
	}
	r := ask(t, l.stranger(), "CreateQueue", Map{"QueueName": "one"})
	if err := (signature{key: key}).sign(r); err != nil {
		t.Fatalf("sign: %v", err)
	}
	other := ask(t, l.stranger(), "CreateQueue", Map{"QueueName": "two"})
	r.Body, r.ContentLength = other.Body, other.ContentLength
	same(t, "another body", l.stranger().RawCall("CreateQueue", r).Code, "SignatureDoesNotMatch")
	same(t, "queues", l.root().OK("ListQueues", nil), Map{})
}

func wrongScope(t *testing.T, c *testkit.Client) {
	any, one := lock(t, c.Protocol, ""), lock(t, c.Protocol, testkit.Region)
	same(t, "the region of the server", one.signed(t, signature{key: one.keys.Root()}).Status, 200)
	same(t, "another region", one.signed(t, signature{key: one.keys.Root(), region: "eu-west-1"}).Code, "SignatureDoesNotMatch")
	same(t, "another region, when any will do", any.signed(t, signature{key: any.keys.Root(), region: "eu-west-1"}).Status, 200)
	for _, l := range []locked{any, one} {
		same(t, "another service", l.signed(t, signature{key: l.keys.Root(), service: "s3"}).Code, "SignatureDoesNotMatch")
	}
}

func policyForEverybody(t *testing.T, c *testkit.Client) {
	l := lock(t, c.Protocol, "")
	url := l.root().CreateQueue("q", nil)
	send := Map{"QueueUrl": url, "MessageBody": "x"}
	policy := func(statements string) Map {
		return Map{"Policy": `{"Version":"2012-10-17","Statement":[` + statements + `]}`}
	}
	const allow = `{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"*"}`
	const deny = `{"Effect":"Deny","Principal":"*","Action":"SQS:*","Resource":"*"}`
	l.stranger().Refused("SendMessage", send, "AccessDenied", "")
	l.root().SetAttributes(url, policy(allow))
	l.stranger().OK("SendMessage", send)
	sendBatch(l.stranger(), url, Map{"Id": "a", "MessageBody": "x"})
	l.stranger().Refused("ReceiveMessage", Map{"QueueUrl": url}, "AccessDenied", "")
	l.stranger().Refused("PurgeQueue", Map{"QueueUrl": url}, "AccessDenied", "")
	l.root().SetAttributes(url, policy(allow+","+deny))
	l.stranger().Refused("SendMessage", send, "AccessDenied", "")
	l.root().Refused("SendMessage", send, "AccessDenied", "User: arn:aws:iam::000000000000:root is not authorized to perform: "+
		"sqs:sendmessage on resource: "+testkit.ARN("q")+" with an explicit deny in a resource-based policy")
	l.root().SetAttributes(url, Map{"Policy": ""})
	same(t, "sent", l.root().Counts(url), "2 visible, 0 in flight, 0 delayed")
}

func notPermitted(t *testing.T, c *testkit.Client) {
	l := lock(t, c.Protocol, "")
	url := l.root().CreateQueue("q", nil)
	reader, err := l.keys.Create("reader", access.KeyOptions{Grants: []queue.Grant{{Kind: queue.GrantReceive, Queues: "*"}}})
	if err != nil {
		t.Fatalf("create a key: %v", err)
	}
	l.Advance(5 * second) // the file of keys is looked at anew
	const denied = "User: arn:aws:iam::000000000000:user/reader is not authorized to perform: sqs:sendmessage on resource: " +
		"arn:aws:sqs:us-east-1:000000000000:q because no identity-based policy allows the sqs:sendmessage action"
	r := l.as(reader).Call("SendMessage", Map{"QueueUrl": url, "MessageBody": "x"})
	same(t, "status", r.Status, 403)
	same(t, "text", r.Message, denied)
	if c.Protocol == testkit.JSON {
		same(t, "header", r.Header.Get("x-amzn-query-error"), "AccessDenied;Sender")
		same(t, "body", string(r.Body), `{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"`+denied+`"}`)
	}
	r = l.as(reader).Call("SendMessageBatch", Map{"QueueUrl": url, "Entries": List{Map{"Id": "a", "MessageBody": "x"}}})
	same(t, "batch", r.Message, denied)
	same(t, "what it may", l.as(reader).Call("ReceiveMessage", Map{"QueueUrl": url}).Status, 200)
	l.as(reader).Refused("DeleteQueue", Map{"QueueUrl": url}, "AccessDenied", "")
}

func authenticationOff(t *testing.T, c *testkit.Client) {
	off := testkit.New(t, testkit.Options{Authenticate: access.Dev(testkit.Account)}).Client(c.Protocol)
	url := off.CreateQueue("q", nil)
	for _, header := range []string{"", "nonsense", "AWS4-HMAC-SHA256 Credential=any/20260101/nowhere/s3/aws4_request, SignedHeaders=host, Signature=00"} {
		r := ask(t, off, "SendMessage", Map{"QueueUrl": url, "MessageBody": "x"})
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		same(t, header, off.RawCall("SendMessage", r).Status, 200)
	}
	if c.Protocol == testkit.Query {
		r := form("/", "Action=SendMessage&MessageBody=x&QueueUrl=q&AWSAccessKeyId=x&Signature=y&SignatureVersion=2&Timestamp=z")
		same(t, "SigV2 parameters", off.RawCall("SendMessage", r).Status, 200)
	}
}
