package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/forebay-mq/forebay/internal/queue"
)

// policiesMax is how many queues the doctor asks for their policy, one call each.
const policiesMax = 1000

// policies looks for statements that were stored and match nothing, since what stands where an ARN belongs is none.
// The service takes them as Amazon does, so nothing else says that an Allow opens nothing, or a Deny shuts nothing.
func (d *doctor) policies(ctx context.Context) finding {
	if d.err != nil || !d.served {
		return ok("not looked at, no server answers")
	}
	urls, err := d.client.list(ctx, "")
	if err != nil {
		return bad("%v", err)
	}
	looked := min(len(urls), policiesMax)
	for _, url := range urls[:looked] {
		out, err := d.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
			QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNamePolicy}})
		if err != nil {
			return warn("%v", d.client.explain(ctx, url, err))
		}
		policy, err := queue.ParsePolicy(out.Attributes[string(types.QueueAttributeNamePolicy)])
		if err != nil {
			return warn("the policy of %s: %v", url, err)
		}
		if texts := policy.NoARNs(); len(texts) > 0 {
			return warn("the policy of %s has statements that match nothing: %s is no ARN; write arn:aws:sqs:REGION:ACCOUNT:NAME, or *",
				url, quoted(texts))
		}
	}
	if looked < len(urls) {
		return ok("the first %d of %d queues have no statement that matches nothing", looked, len(urls))
	}
	return ok("no statement that matches nothing")
}

// quoted lists texts in quotes.
func quoted(texts []string) string {
	list := make([]string, len(texts))
	for i, text := range texts {
		list[i] = fmt.Sprintf("%q", text)
	}
	return strings.Join(list, ", ")
}
