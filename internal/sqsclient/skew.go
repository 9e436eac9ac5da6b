package sqsclient

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/aws/smithy-go"
)

// skewMin is how far the clocks have to be apart to be the likely reason of a refusal.
const skewMin = 4 * time.Minute

// skewCodes are the errors that a clock that is off may lead to.
var skewCodes = []string{"InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure", "RequestTimeTooSkewed", "AccessDeniedException"}

// learnSkew reads the server's clock from a refusal, and tells whether it is the likely reason: then the next attempt
// is signed by the server's clock.
func (w *wire) learnSkew(resp *http.Response, refusal error, signed time.Time) bool {
	api, ok := errors.AsType[smithy.APIError](refusal)
	if !ok || w.options.DisableClockSkewCorrection || resp.Header.Get("Age") != "" || !slices.Contains(skewCodes, api.ErrorCode()) {
		return false
	}
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil || date.Sub(signed).Abs() < skewMin {
		return false
	}
	w.skew.Store(int64(time.Until(date)))
	return true
}

// skewError is a refusal that the next attempt will hardly meet again. The retryer asks it.
type skewError struct{ error }

// Unwrap returns the refusal.
func (e *skewError) Unwrap() error { return e.error }

// RetryableError tells the SDK's retryers to try again.
func (*skewError) RetryableError() bool { return true }
