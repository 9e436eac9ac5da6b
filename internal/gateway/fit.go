package gateway

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/forebay-mq/forebay/queued"
)

// besideBody is what a message needs at most beside its body, in bytes: the URL, and headers of headersUsual bytes in
// which each byte takes two.
const (
	headersUsual = 16 << 10
	besideBody   = envelopeFor + queued.URLBytesMax + 2*headersUsual
)

// sureBody is how many bytes a body may have that fits into a message of max bytes whatever they are: base64 makes four
// of three.
func sureBody(max int) int { return (max - besideBody) / 4 * 3 }

// messageMax is how many bytes a queue lets a message have, as far as it says.
func (g *Gateway) messageMax(ctx context.Context, url string) int {
	if !g.opts.asksQueues {
		return g.opts.MessageMax
	}
	out, err := g.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url,
		AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameMaximumMessageSize}})
	if err != nil {
		g.log.Debug("a queue does not say how long its messages may be", "queue", url, "err", err)
		return g.opts.MessageMax
	}
	n, err := strconv.Atoi(out.Attributes[string(types.QueueAttributeNameMaximumMessageSize)])
	if err != nil || n < 1024 {
		return g.opts.MessageMax
	}
	return min(n, messageMost)
}

// fitBody gives a route without one its limit for bodies, and warns of one that messages cannot hold.
func (l *lane) fitBody() {
	most := l.messageMax * 3 / 4
	if l.BodyMax == 0 {
		l.BodyMax = min(BodyMaxDefault, most)
	}
	if sure := sureBody(l.messageMax); l.BodyMax > sure {
		l.g.log.Info("bodies above a size are refused unless they are text, since the queue's messages hold no more; "+
			"raise its MaximumMessageSize", "route", l.Name, "sure_bytes", sure, "body_max", l.BodyMax)
	}
}
