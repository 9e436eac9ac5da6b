package sqsclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	smithyauth "github.com/aws/smithy-go/auth"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/forebay-mq/forebay/internal/sigv4/sign"
)

const (
	contentType = "application/x-amz-json-1.0"

	// responseMax bounds a response, in bytes: ten messages of the largest size, escaped.
	responseMax = 64 << 20
)

// wire makes calls over HTTP. It may be used from many goroutines.
type wire struct {
	options sqs.Options
	retryer aws.RetryerV2
	url     string
	host    string       // header Host, and what is signed as it
	path    string       // canonical
	header  http.Header  // of every request; not changed
	signers sync.Pool    // of *sign.Signer
	skew    atomic.Int64 // nanoseconds that the server's clock is ahead, learned from a refusal
}

// newWire returns nil when the endpoint is not known, or asks for more than an address, such as another region to
// sign for.
func newWire(o sqs.Options) *wire {
	dualStack, fips := o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled, o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled
	endpoint, err := o.EndpointResolverV2.ResolveEndpoint(context.Background(), sqs.EndpointParameters{
		Region: &o.Region, UseDualStack: &dualStack, UseFIPS: &fips, Endpoint: o.BaseEndpoint,
	})
	if err != nil || !smithyhttp.ValidHostLabel(o.Region) || strings.Contains(o.Region, "fips") { // which the SDK renames
		return nil
	}
	u := endpoint.URI
	auth, _ := smithyauth.GetAuthOptions(&endpoint.Properties)
	if len(endpoint.Headers) > 0 || len(auth) > 0 || smithyhttp.ValidateEndpointHost(u.Host) != nil {
		return nil
	}
	u.Path = smithyhttp.JoinPath(u.Path, "/")
	if u.RawPath != "" {
		u.RawPath = smithyhttp.JoinPath(u.RawPath, "/")
	}
	w := &wire{options: o, retryer: o.Retryer.(aws.RetryerV2), url: u.String(), host: u.Host}
	if port := u.Port(); u.Scheme == "http" && port == "80" || u.Scheme == "https" && port == "443" {
		w.host = strings.TrimSuffix(u.Host, ":"+port)
	}
	w.path = string(sign.AppendPath(nil, u.EscapedPath()))
	agent := "forebay"
	if o.AppID != "" {
		agent += " app/" + o.AppID
	}
	w.header = http.Header{"Content-Type": {contentType}, "User-Agent": {agent}, "X-Amzn-Query-Mode": {"true"}}
	w.signers.New = func() any {
		return sign.New(sign.Options{Region: o.Region, Service: "sqs", Host: w.host, ContentType: contentType})
	}
	return w
}

// call makes a call with a request whose JSON is body, and reads the response into out. It tries as often, and waits
// as long in between, as the retryer says.
func (w *wire) call(ctx context.Context, op *operation, body []byte, out smithy.Deserializable) error {
	release := func(error) error { return nil }
	for attempt := 1; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		releaseAttempt, err := w.retryer.GetAttemptToken(ctx)
		if err != nil {
			return fmt.Errorf("failed to get retry Send token, %w", err)
		}
		err = w.attempt(ctx, op, body, out)
		// The tokens are a count; giving one back cannot make a call fail that has not.
		_ = release(err)
		_ = releaseAttempt(err)
		if err == nil || !w.retryer.IsErrorRetryable(err) {
			return err
		}
		if most := w.retryer.MaxAttempts(); most > 0 && attempt >= most {
			return &retry.MaxAttemptsError{Attempt: attempt, Err: err}
		}
		var refused error
		if release, refused = w.retryer.GetRetryToken(ctx, err); refused != nil {
			return errors.Join(err, refused)
		}
		delay, err := w.retryer.RetryDelay(attempt, err)
		if err != nil {
			return err
		}
		if err := sleep(ctx, delay); err != nil {
			return &aws.RequestCanceledError{Err: err}
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// attempt sends the request once. Its errors are those of the SDK, in the same wrapping.
func (w *wire) attempt(ctx context.Context, op *operation, body []byte, out smithy.Deserializable) error {
	signed := time.Now().Add(time.Duration(w.skew.Load()))
	req, err := w.request(ctx, op, body, signed)
	if err != nil {
		return err
	}
	resp, err := w.options.HTTPClient.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			err = &smithy.CanceledError{Err: ctx.Err()}
		} else {
			err = &smithyhttp.RequestSendError{Err: err}
		}
		return responseError(&http.Response{Header: http.Header{}, Body: http.NoBody}, err)
	}
	limited := &limitedBody{ReadCloser: resp.Body, left: responseMax}
	resp.Body = limited
	err = w.options.Protocol.DeserializeResponse(ctx, op.schema, sqs.TypeRegistry, &smithyhttp.Response{Response: resp}, out)
	io.Copy(io.Discard, limited) // what is read to its end leaves the connection to the next request
	limited.Close()
	if err == nil {
		return nil
	}
	err = responseError(resp, err)
	if w.learnSkew(resp, err, signed) {
		return &skewError{err}
	}
	return err
}

// request makes the request of an attempt.
func (w *wire) request(ctx context.Context, op *operation, body []byte, now time.Time) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Host = w.host
	req.Header = maps.Clone(w.header)
	req.Header["X-Amz-Target"] = op.targets
	if w.options.Credentials == nil {
		return req, nil
	}
	c, err := w.options.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("get identity: %w", fmt.Errorf("get credentials: %w", err))
	}
	signer := w.signers.Get().(*sign.Signer)
	date, authorization := signer.Sign(sign.Credentials{KeyID: c.AccessKeyID, Secret: c.SecretAccessKey, Token: c.SessionToken},
		sign.Request{Path: w.path, Target: op.targets[0], Body: body}, now)
	values := [...]string{string(date), string(authorization), c.SessionToken}
	w.signers.Put(signer)
	req.Header["X-Amz-Date"] = values[0:1:1]
	req.Header["Authorization"] = values[1:2:2]
	if c.SessionToken != "" {
		req.Header["X-Amz-Security-Token"] = values[2:3:3]
	}
	return req, nil
}

// responseError wraps what went wrong with a response, or without one.
func responseError(resp *http.Response, err error) error {
	id := resp.Header.Get("X-Amzn-Requestid")
	if id == "" {
		id = resp.Header.Get("X-Amz-RequestId")
	}
	return &awshttp.ResponseError{
		ResponseError: &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: resp}, Err: err},
		RequestID:     id,
	}
}

// limitedBody is a response's body that fails when it is too large.
type limitedBody struct {
	io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left+1)])
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("the response has more than %d bytes", responseMax)
	}
	return n, err
}
