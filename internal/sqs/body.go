package sqs

import (
	"errors"
	"os"

	"github.com/forebay-mq/forebay/internal/platform/httpserve"
)

// readBody reads the request's body. Its memory serves the next request once this one is answered, so no part of it
// may be kept: what lives on, the broker copies. A body that is larger than what a connection has room for anyway is
// read only for those who name a key that there is, or, much less of it, for those who name none.
func (x *exchange) readBody() ([]byte, error) {
	length := x.r.ContentLength
	switch {
	case length == 0:
		return nil, nil
	case length > x.opts.BodyMax:
		return nil, bodyTooLarge(x.opts.BodyMax)
	case length > 0 && length <= httpserve.FirstBytes:
		x.body = x.memory.Body(noAddress, httpserve.Claimed)
	default:
		trust, err := x.trust()
		if err != nil {
			return nil, err
		}
		x.body = x.memory.Body(x.client(), trust)
	}
	body, err := x.body.Read(x.r.Body, length, x.opts.BodyMax)
	x.bodyIn = int64(len(body))
	switch {
	case err == nil:
		return body, nil
	case errors.Is(err, httpserve.ErrTooLarge):
		return nil, bodyTooLarge(x.opts.BodyMax)
	case errors.Is(err, httpserve.ErrNoRoom):
		return nil, tooBusy()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, bodyTooSlow()
	}
	return nil, bodyCutShort(err)
}

// trust tells how well the sender is known before the body is. Those are refused whose head shows that they would be.
func (x *exchange) trust() (httpserve.Trust, error) {
	if x.opts.Recognize == nil {
		return httpserve.Claimed, nil
	}
	known, err := x.opts.Recognize(x.r)
	if err != nil || !known {
		return httpserve.Stranger, err
	}
	return httpserve.Claimed, nil
}

// authenticate finds out who asks. From then on the request is one that is being worked for.
func (x *exchange) authenticate(body []byte) (err error) {
	if x.caller, err = x.opts.Authenticate(x.r, body); err != nil {
		return err
	}
	known := x.caller.Principal != ""
	httpserve.Keep(x.r.Context(), known)
	if known && x.body.Prove() != nil {
		return tooBusy()
	}
	return nil
}
