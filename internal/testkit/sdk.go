package testkit

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// SDK returns a client of the AWS SDK for this server, for the parts that are customers. It does not retry.
func (k *Kit) SDK() *sqs.Client {
	return sqs.New(sqs.Options{
		BaseEndpoint: aws.String(Base),
		Region:       Region,
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		HTTPClient:   k.client,
		Retryer:      aws.NopRetryer{},
	})
}
