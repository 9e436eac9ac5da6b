package sigv4

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"testing"
)

// TestPathsHoldAsSentAndNormalised signs paths as SDKs of other languages do, by themselves: some normalise what they
// sign and send the path as it is.
func TestPathsHoldAsSentAndNormalised(t *testing.T) {
	for _, row := range []struct {
		name, sent, signed string
		good               bool
	}{
		{"a plain path", "/000000000000/q", "/000000000000/q", true},
		{"double slashes as sent", "//000000000000//q", "//000000000000//q", true},
		{"double slashes, normalised", "//000000000000//q", "/000000000000/q", true},
		{"dot segments as sent", "/a/../b/./q", "/a/../b/./q", true},
		{"dot segments, normalised", "/a/../b/./q", "/b/q", true},
		{"dots above the root, normalised", "/../../q", "/q", true},
		{"a slash at the end stays", "//q/", "/q/", true},
		{"nothing but slashes, normalised", "///", "/", true},
		{"an escape beside dots, normalised", "/x/../a%20b", "/a%20b", true},
		{"encoded dots are no dot segment", "/a/%2e%2e/b", "/b", false},
		{"a slash at the end left out", "//q/", "/q", false},
		{"another path", "/a/../b", "/a", false},
		{"half normalised", "//a//b", "/a//b", false},
	} {
		for _, presigned := range []bool{false, true} {
			v := testVerifier()
			u, err := url.Parse("http://localhost:4566" + row.sent)
			if err != nil {
				t.Fatal(err)
			}
			r := &http.Request{Method: "POST", Host: "localhost:4566", URL: u, Header: http.Header{"X-Amz-Date": {"20261120T120000Z"}}}
			c := claim{date: "20261120", region: "r", service: "sqs", stamp: "20261120T120000Z", signedHeaders: "host;x-amz-date"}
			const scope = testKeyID + "/20261120/r/sqs/aws4_request"
			if presigned {
				r.Header, c.signedHeaders = http.Header{}, "host"
				u.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + url.QueryEscape(scope) +
					"&X-Amz-Date=20261120T120000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host"
			}
			s := v.keys.get(testSecret, &c).signers.Get().(*signer)
			hash := sha(testBody)
			signature, err := s.signature(r, row.signed, &c, hexText(hash))
			if err != nil {
				t.Fatal(err)
			}
			if presigned {
				u.RawQuery += "&X-Amz-Signature=" + string(signature)
			} else {
				r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+scope+",SignedHeaders="+c.signedHeaders+",Signature="+string(signature))
			}
			if _, err := v.Verify(r, []byte(testBody)); (err == nil) != row.good {
				t.Errorf("%s, presigned %v: %s, signed as %s: got %v", row.name, presigned, row.sent, row.signed, err)
			}
		}
	}
}

func hexText(b []byte) []byte { return hex.AppendEncode(nil, b) }
