// Package sigv4 checks the AWS Signature Version 4 of requests, in the Authorization header and in the query
// (presigned). It is the server's half of what every AWS SDK does on the client's side.
//
// A request is brought to its canonical form once, from the bytes that arrived, and nothing of it is
// normalised away that a front would later see differently.
package sigv4

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
	"github.com/forebay-mq/forebay/internal/sigv4/sign"
)

const (
	// SkewMax is how far the clock of a client may be from ours, in either direction.
	SkewMax = 15 * time.Minute
	// ExpiresMax is the longest life of a presigned request.
	ExpiresMax = 7 * 24 * time.Hour
)

// Why a request was refused. Every refusal by Verify is a [*queue.Error] that wraps one of them.
var (
	ErrUnsigned   = errors.New("no signature")
	ErrMalformed  = errors.New("malformed signature")
	ErrUnknownKey = errors.New("unknown access key")
	ErrMismatch   = errors.New("signature does not match")
	ErrSkew       = errors.New("clocks differ too much")
	ErrExpired    = errors.New("presigned request has expired")
)

// Options say what a Verifier accepts. Secret is needed, the zero value of everything else works.
type Options struct {
	// Secret finds the secret of an access key. It is called once for every signed request, from many goroutines.
	Secret func(accessKeyID string) (secret string, known bool)
	// Services are the services that a signature may be for. None: sqs alone.
	Services []string
	// Region is the region that a signature must be for. Empty: any.
	Region string
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Verifier checks signatures. It may be used from many goroutines.
type Verifier struct {
	opts  Options
	keys  signingKeys
	dummy string // signs for keys that do not exist, so that they take the time of those that do
}

// New returns a Verifier.
func New(opts Options) *Verifier {
	if len(opts.Services) == 0 {
		opts.Services = []string{"sqs"}
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Verifier{opts: opts, dummy: rand.Text()}
}

// Result is what a good signature says.
type Result struct {
	AccessKeyID string
	Region      string
	Service     string
	Signed      time.Time
	Presigned   bool // by query; the X-Amz-* parameters in it are no input of the operation
}

// Signed reports whether r claims to be signed, rightly or not. A request that does not is anonymous.
func Signed(r *http.Request) bool {
	return len(r.Header["Authorization"]) > 0 || isPresigned(r.URL.RawQuery)
}

// Verify checks the signature of r, whose whole body is given. It changes neither. Errors are [*queue.Error]:
//
//   - CodeAccessDenied: there is no signature
//   - CodeIncompleteSignature: it cannot be read, or leaves out a header that has to be signed
//   - CodeUnrecognizedClient: nobody has the access key
//   - CodeInvalidSignature: it is wrong, or for another time, region or service
func (v *Verifier) Verify(r *http.Request, body []byte) (Result, error) {
	c, err := readClaim(r)
	if err != nil {
		return Result{}, err
	}
	if err := v.checkScope(&c); err != nil {
		return Result{}, err
	}
	if err := checkTime(&c, v.opts.Now()); err != nil {
		return Result{}, err
	}
	if err := checkSignedHeaders(r, c.signedHeaders); err != nil {
		return Result{}, err
	}
	var bodyHash [2 * sha256.Size]byte
	sum := sha256.Sum256(body)
	hex.Encode(bodyHash[:], sum[:])
	if err := checkBodyHash(r, bodyHash[:]); err != nil {
		return Result{}, err
	}
	secret, known := v.opts.Secret(c.accessKeyID)
	if !known {
		secret = v.dummy
	}
	equal, err := v.matches(r, &c, secret, bodyHash[:])
	if err != nil {
		return Result{}, err
	}
	switch {
	case !known:
		return Result{}, unknownKey()
	case !equal:
		return Result{}, mismatch("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return Result{AccessKeyID: c.accessKeyID, Region: c.region, Service: c.service, Signed: c.time, Presigned: c.presigned}, nil
}

// matches reports whether the signature of r is the one that it has to be, for the path as it was sent or for its
// normalised form: SDKs sign one or the other. A front that reads something from the path must read it from the
// normalised form, which either signature settles.
func (v *Verifier) matches(r *http.Request, c *claim, secret string, bodyHash []byte) (bool, error) {
	key := v.keys.get(secret, c)
	s := key.signers.Get().(*signer)
	defer key.signers.Put(s)
	sent := r.URL.EscapedPath()
	equal, err := s.matches(r, sent, c, bodyHash)
	if normal := sign.NormalPath(sent); normal != sent && !equal && err == nil {
		return s.matches(r, normal, c, bodyHash)
	}
	return equal, err
}

// matches reports whether the signature of r is the right one if path was signed.
func (s *signer) matches(r *http.Request, path string, c *claim, bodyHash []byte) (bool, error) {
	want, err := s.signature(r, path, c, bodyHash)
	return err == nil && hmac.Equal(want, []byte(c.signature)), err // in a time that does not depend on where they differ
}

// signature returns what the signature of r has to be, in hexadecimal and in the signer's own memory.
func (s *signer) signature(r *http.Request, path string, c *claim, bodyHash []byte) ([]byte, error) {
	text, err := appendCanonical(s.text[:0], r, path, c, bodyHash)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	text = append(text[:0], algorithm...)
	text = append(text, '\n')
	text = append(text, c.stamp...)
	text = append(text, '\n')
	text = append(text, c.date...)
	text = append(text, '/')
	text = append(text, c.region...)
	text = append(text, '/')
	text = append(text, c.service...)
	text = append(text, "/aws4_request\n"...)
	text = hex.AppendEncode(text, sum[:])

	s.mac.Reset()
	s.mac.Write(text)
	return hex.AppendEncode(text[:0], s.mac.Sum(s.sum[:0])), nil
}

func (v *Verifier) checkScope(c *claim) error {
	switch {
	case c.terminator != "aws4_request":
		return mismatch("Credential should be scoped with a valid terminator: 'aws4_request'.")
	case !slices.Contains(v.opts.Services, c.service):
		return mismatch("Credential should be scoped to correct service: '" + strings.Join(v.opts.Services, "' or '") + "'.")
	case c.region == "" || len(c.region) > 64 || v.opts.Region != "" && c.region != v.opts.Region:
		return mismatch("Credential should be scoped to a valid region.")
	case c.date != c.stamp[:len("20060102")]:
		return mismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.")
	}
	return nil
}

// checkTime compares the clocks. The texts name both, which is what SDKs and people need to set theirs right.
func checkTime(c *claim, now time.Time) error {
	now = now.UTC()
	if c.time.After(now.Add(SkewMax)) {
		return refuse(queue.CodeInvalidSignature, ErrSkew, "Signature not yet current: "+c.stamp+" is still later than "+
			now.Add(SkewMax).Format(stampLayout)+" ("+now.Format(stampLayout)+" + 15 min.)")
	}
	if c.presigned {
		if end := c.time.Add(c.expires); now.After(end) {
			return refuse(queue.CodeInvalidSignature, ErrExpired, "Signature expired: "+end.Format(stampLayout)+
				" is now earlier than "+now.Format(stampLayout))
		}
		return nil
	}
	if c.time.Before(now.Add(-SkewMax)) {
		return refuse(queue.CodeInvalidSignature, ErrSkew, "Signature expired: "+c.stamp+" is now earlier than "+
			now.Add(-SkewMax).Format(stampLayout)+" ("+now.Format(stampLayout)+" - 15 min.)")
	}
	return nil
}

// checkSignedHeaders refuses a signature that leaves out a header by which a request could be given another
// meaning on its way: the host, and every x-amz- header. The content type is not among them, since not every
// client signs it; which protocol a request speaks is told by x-amz-target, which is.
func checkSignedHeaders(r *http.Request, signed string) error {
	if !listed(signed, "host") {
		return incomplete("'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range r.Header {
		const prefix, fromCloudFront = "X-Amz-", "X-Amz-Cf-Id" // the latter is set by a proxy, after the signature
		if len(name) < len(prefix) || !strings.EqualFold(name[:len(prefix)], prefix) || name == fromCloudFront {
			continue
		}
		if !listed(signed, name) {
			return incomplete("'" + name + "' must be a 'SignedHeader' in the AWS Authorization.")
		}
	}
	return nil
}

// listed reports whether a header is in a list like host;x-amz-date.
func listed(signed, name string) bool {
	for s := range strings.SplitSeq(signed, ";") {
		if strings.EqualFold(s, name) {
			return true
		}
	}
	return false
}

// checkBodyHash compares the hash that the request announces, if it does. An unsigned payload is refused.
func checkBodyHash(r *http.Request, hash []byte) error {
	for _, announced := range r.Header["X-Amz-Content-Sha256"] {
		if !hmac.Equal([]byte(announced), hash) {
			return mismatch("The provided 'x-amz-content-sha256' header does not match what was computed.")
		}
	}
	return nil
}

func refuse(code queue.Code, cause error, text string) error {
	return &queue.Error{Code: code, Message: text, Err: cause}
}

func incomplete(text string) error {
	return refuse(queue.CodeIncompleteSignature, ErrMalformed, text)
}

func mismatch(text string) error {
	return refuse(queue.CodeInvalidSignature, ErrMismatch, text)
}
