package worker

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// ConsumerHeader is the header that tells Forebay which worker receives.
const ConsumerHeader = "X-Forebay-Consumer"

const consumerBytesMax = 128

func unprintable(r rune) bool { return r < ' ' || r > '~' }

// WithConsumer returns an option for calls of an SQS client that names the consumer in [ConsumerHeader].
func WithConsumer(id string) func(*sqs.Options) {
	return func(o *sqs.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return smithyhttp.AddHeaderValue(ConsumerHeader, id)(stack)
		})
	}
}

// once switches off the client's own retries for a call.
func once(o *sqs.Options) { o.Retryer = aws.NopRetryer{} }
