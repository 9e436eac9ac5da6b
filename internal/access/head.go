package access

import (
	"net/http"

	"github.com/forebay-mq/forebay/internal/sigv4"
)

// Recognize tells from a request's head, before its body is read, whether it names a key that there is. It returns the
// refusal that [Authenticator.Authenticate] would come to whatever the body is. Nothing is proved without one.
func (a *Authenticator) Recognize(r *http.Request) (known bool, err error) {
	if !sigv4.Signed(r) {
		return false, nil
	}
	if err := a.verifier.CheckHead(r); err != nil {
		a.failed(strangerOf(r, a.opts.TrustedProxies), err)
		return false, err
	}
	return true, nil
}
