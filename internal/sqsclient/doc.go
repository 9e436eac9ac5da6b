// Package sqsclient is a client of the SQS API that costs little for each call.
//
// [Client] is an *sqs.Client of aws-sdk-go-v2 whose calls that move messages take a short way: the same request, by
// the same options, answered with the same types, without the stack of middleware that the SDK builds anew for each
// call, which is most of what a call costs there. What is not worth writing twice stays the SDK's: the shapes and how
// they are read, errors and their types, the retryer, credentials, endpoints, the HTTP client. What is here is the loop
// of attempts, the signature, and the JSON of requests.
//
// A call that the short way does not know goes through the SDK as a whole: one with options of its own, one that lacks
// a required parameter (the SDK has the error for it), and every call of a client whose options ask for more, such as
// middleware, interceptors or logging.
package sqsclient
