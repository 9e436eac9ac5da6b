package sigv4

import (
	"net/http"

	"github.com/forebay-mq/forebay/internal/queue"
)

// CheckHead checks of a signed request what can be known before its body: whether the signature can be read, is for
// this time and service, covers what it has to, and names a key that there is. Its errors are those of Verify. Nothing
// is proved without one: Verify must follow.
func (v *Verifier) CheckHead(r *http.Request) error {
	c, err := readClaim(r)
	if err != nil {
		return err
	}
	if err := v.checkScope(&c); err != nil {
		return err
	}
	if err := checkTime(&c, v.opts.Now()); err != nil {
		return err
	}
	if err := checkSignedHeaders(r, c.signedHeaders); err != nil {
		return err
	}
	if _, known := v.opts.Secret(c.accessKeyID); !known {
		return unknownKey()
	}
	return nil
}

func unknownKey() error {
	return refuse(queue.CodeUnrecognizedClient, ErrUnknownKey, "The security token included in the request is invalid.")
}
