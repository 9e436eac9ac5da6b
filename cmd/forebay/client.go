package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/forebay-mq/forebay/internal/config"
	"github.com/forebay-mq/forebay/internal/sqsclient"
	"github.com/forebay-mq/forebay/internal/straight"
)

// client speaks to the server the user means, through the public API like every other client.
type client struct {
	*sqsclient.Client
	target target
	http   *http.Client // for what is no call of SQS; a backup may be silent for as long as it takes
}

// idleConnsMax bounds the connections that are kept between calls. It is above the long polls and sends that a gateway
// or worker has under way, so that none of them has to connect anew.
const idleConnsMax = 512

const (
	dialMax    = 5 * time.Second // for a connection to the server
	silenceMax = time.Minute     // for a reply to a call of SQS; a long poll is answered after 20 s at the latest
)

// connect finds the server and returns a client for it. It sends nothing yet.
func (a *app) connect() (*client, error) {
	t := a.target
	if err := t.resolve(); err != nil {
		return nil, err
	}
	return t.client()
}

// client returns a client for a target that is resolved.
func (t target) client() (*client, error) {
	var secure *tls.Config
	if strings.HasPrefix(t.endpoint, "https:") {
		var err error
		if secure, err = trustOf(t.caFile); err != nil {
			return nil, err
		}
	}
	transport := func(silence time.Duration) *http.Transport {
		return &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: dialMax}).DialContext,
			TLSClientConfig: secure, TLSHandshakeTimeout: dialMax, MaxIdleConnsPerHost: idleConnsMax, ResponseHeaderTimeout: silence}
	}
	c := &client{target: t, http: &http.Client{Transport: transport(0)}}
	calls := &http.Client{Transport: straight.New(transport(silenceMax))}
	c.Client = sqsclient.New(sqs.New(sqs.Options{
		BaseEndpoint: aws.String(t.endpoint),
		Region:       t.region,
		Credentials:  credentials.NewStaticCredentialsProvider(t.keyID, t.secret, t.found.Key.Token),
		HTTPClient:   calls,
		AppID:        "forebay-cli",
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxBackoff = 2 * time.Second
			o.Retryables = append([]retry.IsErrorRetryable{nobodyThere{}}, o.Retryables...)
		}),
	}))
	return c, nil
}

// nobodyThere stops retries where no server listens, or none that can be trusted: the user should hear of that at once.
type nobodyThere struct{}

// IsErrorRetryable implements retry.IsErrorRetryable.
func (nobodyThere) IsErrorRetryable(err error) aws.Ternary {
	if unreachable(err) || distrusted(err) {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}

// queueURL finds a queue by name or URL.
func (c *client) queueURL(ctx context.Context, name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	out, err := c.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		return "", c.explain(ctx, name, err)
	}
	return *out.QueueUrl, nil
}

// queueARN finds the ARN of a queue.
func (c *client) queueARN(ctx context.Context, name string) (string, error) {
	values, err := c.attributes(ctx, name, types.QueueAttributeNameQueueArn)
	if err != nil {
		return "", err
	}
	return values[string(types.QueueAttributeNameQueueArn)], nil
}

// attributes reads attributes of a queue.
func (c *client) attributes(ctx context.Context, name string, names ...types.QueueAttributeName) (map[string]string, error) {
	url, err := c.queueURL(ctx, name)
	if err != nil {
		return nil, err
	}
	out, err := c.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: names})
	if err != nil {
		return nil, c.explain(ctx, name, err)
	}
	return out.Attributes, nil
}

// explain adds to an error of the server what helps: for a queue that is not there, the name that was
// probably meant.
func (c *client) explain(ctx context.Context, name string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if f := connectionFailure(c.target.endpoint, err); f != nil {
		return f
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		if f, ok := errors.AsType[*failure](err); ok {
			return f
		}
		return fail("%s", plainText(err))
	}
	f := apiFailure(api)
	if keyRefused(api) {
		c.target.explainKey(f)
	}
	if f.code != exitNotFound || name == "" {
		return f
	}
	name = name[strings.LastIndex(name, "/")+1:]
	f.what = fmt.Sprintf("no queue named %q.", name)
	f.hints = []string{"List queues:  forebay queues"}
	if best := config.Nearest(name, c.names(ctx, "")); best != "" {
		f.what += fmt.Sprintf(" Did you mean %q?", best)
	} else {
		f.hints = append(f.hints, "Create it:    forebay queues create "+name)
	}
	return f
}

// names lists the names of the queues, as far as the server tells.
func (c *client) names(ctx context.Context, prefix string) []string {
	urls, err := c.list(ctx, prefix)
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(urls))
	for _, u := range urls {
		names = append(names, nameOf(u))
	}
	return names
}

// list returns the URLs of the queues whose name begins with prefix.
func (c *client) list(ctx context.Context, prefix string) ([]string, error) {
	var urls []string
	in := &sqs.ListQueuesInput{MaxResults: aws.Int32(1000)}
	if prefix != "" {
		in.QueueNamePrefix = &prefix
	}
	for {
		out, err := c.ListQueues(ctx, in)
		if err != nil {
			return nil, c.explain(ctx, "", err)
		}
		urls = append(urls, out.QueueUrls...)
		if aws.ToString(out.NextToken) == "" {
			return urls, nil
		}
		in.NextToken = out.NextToken
	}
}

// nameOf is the name at the end of a queue URL or ARN.
func nameOf(url string) string { return url[strings.LastIndexAny(url, "/:")+1:] }
