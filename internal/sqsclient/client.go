package sqsclient

import (
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	smithyauth "github.com/aws/smithy-go/auth"
	"github.com/aws/smithy-go/metrics"
	"github.com/aws/smithy-go/tracing"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
)

// Client is an SQS client. SendMessage, SendMessageBatch, ReceiveMessage, DeleteMessage, DeleteMessageBatch,
// ChangeMessageVisibility and ChangeMessageVisibilityBatch take the short way; all else is the SDK's. It may be used
// from many goroutines.
//
// The short way differs from the SDK's in what a caller rarely sees: ResultMetadata stays empty, the agent is named
// forebay, the SDK's headers about attempts are not sent, a clock that is off is corrected only when a signature was
// refused for it, and a response above 64 MiB is an error.
type Client struct {
	*sqs.Client
	wire *wire // nil: every call is made by the SDK
}

// New returns a Client with the options that c has. It sends nothing. Changes to c's credentials by their provider are
// followed; its endpoint is resolved now, once.
func New(c *sqs.Client) *Client {
	options := c.Options()
	if !plain(&options) {
		return &Client{Client: c}
	}
	return &Client{Client: c, wire: newWire(options)} // nil too where the endpoint needs more than an address
}

// plain tells whether options ask for nothing that only the SDK's own way of calling does.
func plain(o *sqs.Options) bool {
	_, retries := o.Retryer.(aws.RetryerV2)
	_, signs := o.HTTPSignerV4.(*v4.Signer)
	_, speaks := o.Protocol.(*awsjson.Protocol)
	_, measured := o.MeterProvider.(metrics.NopMeterProvider)
	_, traced := o.TracerProvider.(*tracing.NopTracerProvider)
	//lint:ignore SA1019 it is old, and still counts
	resolves := o.EndpointResolver != nil
	return retries && signs && speaks && measured && traced && !resolves && !intercepted(o) &&
		len(o.APIOptions) == 0 && o.ClientLogMode == 0 && !o.EndpointOptions.DisableHTTPS &&
		len(o.AuthSchemes) == 1 && o.AuthSchemes[0].SchemeID() == smithyauth.SchemeIDSigV4 && len(o.AuthSchemePreference) == 0
}

// short tells whether a call takes the short way.
func (c *Client) short(optFns []func(*sqs.Options)) bool { return c.wire != nil && len(optFns) == 0 }

// intercepted tells whether options hold interceptors, of whichever kinds the SDK has.
func intercepted(o *sqs.Options) bool {
	kinds := reflect.ValueOf(o.Interceptors)
	for i := range kinds.NumField() {
		if kinds.Field(i).Len() > 0 {
			return true
		}
	}
	return false
}
