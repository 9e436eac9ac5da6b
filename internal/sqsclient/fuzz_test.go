package sqsclient

import (
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// FuzzResponses holds that whatever a server answers, a call ends as the SDK's does.
func FuzzResponses(f *testing.F) {
	f.Add(200, `{"Messages":[{"MessageId":"m","ReceiptHandle":"h","Body":"a\u20ac\n","Attributes":{"A":"1"},"MessageAttributes":{"b":{"DataType":"Binary","BinaryValue":"AP8="}}}]}`, "", "")
	f.Add(200, `{"Successful":[{"Id":"1","MessageId":"m"}],"Failed":[{"Id":"2","Code":"c","SenderFault":true}]}`, "", "")
	f.Add(400, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"none"}`, "AWS.SimpleQueueService.NonExistentQueue;Sender", "")
	f.Add(503, `<html>`, ";", "ServiceUnavailable:http://x")
	var answer doer
	w := newTwins(f, doer(func(r *http.Request) (*http.Response, error) { return answer(r) }),
		func(o *sqs.Options) { atOnce(o); o.DisableMessageChecksumValidation = true })
	f.Fuzz(func(t *testing.T, status int, body, query, kind string) {
		if status < 200 || status > 599 {
			return
		}
		w.t = t
		answer = func(*http.Request) (*http.Response, error) {
			return reply(status, body, "X-Amzn-Query-Error", query, "X-Amzn-Errortype", kind)
		}
		call(w, "receive", func(c api) (*sqs.ReceiveMessageOutput, error) {
			return c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String("u")})
		})
		call(w, "send", func(c api) (*sqs.SendMessageOutput, error) {
			return c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String("u"), MessageBody: &body})
		})
		call(w, "delete a batch", func(c api) (*sqs.DeleteMessageBatchOutput, error) {
			return c.DeleteMessageBatch(t.Context(), filled[sqs.DeleteMessageBatchInput]())
		})
	})
}
