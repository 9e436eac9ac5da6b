package bench

import (
	"time"

	"github.com/forebay-mq/forebay/internal/sigv4/sign"
)

// signer writes the headers that sign a request. It belongs to one goroutine.
type signer struct {
	*sign.Signer
	credentials sign.Credentials
}

func newSigner(keyID, secret, region, host, contentType string) *signer {
	return &signer{
		Signer:      sign.New(sign.Options{Region: region, Service: "sqs", Host: host, ContentType: contentType}),
		credentials: sign.Credentials{KeyID: keyID, Secret: secret},
	}
}

// appendHeaders appends the header lines that sign a POST of body to path. target is the value of the header
// X-Amz-Target, empty for none. path must be in canonical form.
func (s *signer) appendHeaders(b []byte, path, target string, body []byte, now time.Time) []byte {
	date, authorization := s.Sign(s.credentials, sign.Request{Path: path, Target: target, Body: body}, now)
	b = append(b, "X-Amz-Date: "...)
	b = append(b, date...)
	b = append(b, "\r\nAuthorization: "...)
	b = append(b, authorization...)
	return append(b, "\r\n"...)
}
