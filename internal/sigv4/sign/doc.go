// Package sign makes AWS Signatures Version 4: the client's half of what package sigv4 checks, and the few
// things that both halves do. It knows one kind of request, the POST of the two SQS protocols, and signs it without
// taking memory.
package sign
