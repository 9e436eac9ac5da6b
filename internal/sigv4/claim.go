package sigv4

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
	"github.com/forebay-mq/forebay/internal/sigv4/sign"
)

const (
	algorithm   = sign.Algorithm
	stampLayout = sign.StampLayout
)

// claim is a signature as a request states it. Nothing in it is proved yet.
type claim struct {
	accessKeyID   string
	date          string // of the scope: 20261120
	region        string
	service       string
	terminator    string
	signedHeaders string // lower case, sorted, each once, joined by semicolons
	signature     string
	stamp         string // when it was signed: 20261120T120000Z
	time          time.Time
	presigned     bool
	expires       time.Duration // presigned only
}

// readClaim finds the one signature of a request.
func readClaim(r *http.Request) (claim, error) {
	headers := r.Header["Authorization"]
	presigned := isPresigned(r.URL.RawQuery)
	switch {
	case len(headers) == 0 && !presigned:
		return claim{}, refuse(queue.CodeAccessDenied, ErrUnsigned, "Access to the resource "+r.URL.Path+" is denied.")
	case len(headers) > 1:
		return claim{}, incomplete("Only one Authorization header is allowed.")
	case len(headers) == 1 && presigned:
		return claim{}, incomplete("Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter or the Authorization header should be specified.")
	}
	var c claim
	var err error
	if presigned {
		c, err = claimOfQuery(r.URL.RawQuery)
	} else {
		c, err = claimOfHeader(headers[0])
		if err == nil {
			err = c.readDate(r.Header)
		}
	}
	if err == nil {
		err = checkHeaderList(c.signedHeaders)
	}
	return c, err
}

// claimOfHeader reads an Authorization header: the algorithm, and three parameters in any order.
func claimOfHeader(text string) (claim, error) {
	rest, found := strings.CutPrefix(text, algorithm)
	if !found || rest == "" || rest[0] != ' ' {
		return claim{}, incomplete("Authorization header must start with " + algorithm + ".")
	}
	var c claim
	var credential string
	for parameter := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.Trim(parameter, " "), "=")
		var field *string
		switch name {
		case "Credential":
			field = &credential
		case "SignedHeaders":
			field = &c.signedHeaders
		case "Signature":
			field = &c.signature
		default:
			return claim{}, incomplete("Authorization header has an unknown parameter.")
		}
		if value == "" || *field != "" {
			return claim{}, incomplete("Authorization header requires '" + name + "' parameter, once.")
		}
		*field = value
	}
	for _, p := range [...]struct{ name, value string }{{"Credential", credential}, {"SignedHeaders", c.signedHeaders}, {"Signature", c.signature}} {
		if p.value == "" {
			return claim{}, incomplete("Authorization header requires '" + p.name + "' parameter.")
		}
	}
	return c, c.readCredential(credential)
}

// readCredential takes ID/DATE/REGION/SERVICE/aws4_request apart.
func (c *claim) readCredential(text string) error {
	var rest string
	c.accessKeyID, rest, _ = strings.Cut(text, "/")
	c.date, rest, _ = strings.Cut(rest, "/")
	c.region, rest, _ = strings.Cut(rest, "/")
	c.service, c.terminator, _ = strings.Cut(rest, "/")
	if c.accessKeyID == "" || strings.Count(text, "/") != 4 {
		return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.")
	}
	return nil
}

// readDate takes the time of signing from X-Amz-Date, or else from Date. Only a signed header counts.
func (c *claim) readDate(h http.Header) error {
	if stamps := h["X-Amz-Date"]; len(stamps) == 1 {
		return c.readStamp(stamps[0])
	}
	dates := h["Date"]
	if len(h["X-Amz-Date"]) > 0 || len(dates) != 1 || !listed(c.signedHeaders, "date") {
		return incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	t, err := http.ParseTime(dates[0])
	if err != nil {
		return incomplete("The 'Date' header is not a valid HTTP date.")
	}
	c.time = t.UTC()
	c.stamp = c.time.Format(stampLayout)
	return nil
}

func (c *claim) readStamp(text string) error {
	t, err := time.Parse(stampLayout, text)
	if err != nil || len(text) != len(stampLayout) {
		return incomplete("Date must be in ISO-8601 'basic format', e.g. " + stampLayout + ".")
	}
	c.stamp, c.time = text, t
	return nil
}

// The parameters of a presigned request.
const (
	paramAlgorithm     = "X-Amz-Algorithm"
	paramCredential    = "X-Amz-Credential"
	paramDate          = "X-Amz-Date"
	paramExpires       = "X-Amz-Expires"
	paramSignedHeaders = "X-Amz-SignedHeaders"
	paramSignature     = "X-Amz-Signature"
)

// isPresigned reports whether a query claims to carry a signature.
func isPresigned(rawQuery string) bool {
	for pair := range strings.SplitSeq(rawQuery, "&") {
		switch parameterName(pair) {
		case paramAlgorithm, paramCredential, paramSignature:
			return true
		}
	}
	return false
}

// parameterName returns the decoded name of a name=value pair, empty when it cannot be decoded.
func parameterName(pair string) string {
	name, _, _ := strings.Cut(pair, "=")
	decoded, err := url.QueryUnescape(name)
	if err != nil {
		return ""
	}
	return decoded
}

// claimOfQuery reads the parameters of a presigned request. Each must be there once.
func claimOfQuery(rawQuery string) (claim, error) {
	c := claim{presigned: true}
	var algorithmName, credential, stamp, expires string
	for pair := range strings.SplitSeq(rawQuery, "&") {
		name := parameterName(pair)
		var field *string
		switch name {
		case paramAlgorithm:
			field = &algorithmName
		case paramCredential:
			field = &credential
		case paramDate:
			field = &stamp
		case paramExpires:
			field = &expires
		case paramSignedHeaders:
			field = &c.signedHeaders
		case paramSignature:
			field = &c.signature
		default:
			continue
		}
		_, value, _ := strings.Cut(pair, "=")
		if value == "" || *field != "" {
			return claim{}, incomplete("AWS query-string parameters must include '" + name + "', once.")
		}
		decoded, err := url.QueryUnescape(value)
		if err != nil {
			return claim{}, incomplete("AWS query-string parameter '" + name + "' is not encoded correctly.")
		}
		*field = decoded
	}
	for _, p := range [...]struct{ name, value string }{
		{paramAlgorithm, algorithmName}, {paramCredential, credential}, {paramDate, stamp},
		{paramExpires, expires}, {paramSignedHeaders, c.signedHeaders}, {paramSignature, c.signature},
	} {
		if p.value == "" {
			return claim{}, incomplete("AWS query-string parameters must include '" + p.name + "'.")
		}
	}
	if algorithmName != algorithm {
		return claim{}, incomplete("X-Amz-Algorithm only supports " + algorithm + ".")
	}
	seconds, err := strconv.ParseUint(expires, 10, 32)
	if err != nil || seconds == 0 || seconds > uint64(ExpiresMax/time.Second) {
		return claim{}, incomplete("X-Amz-Expires must be a number of seconds from 1 to 604800.")
	}
	c.expires = time.Duration(seconds) * time.Second
	if err := c.readStamp(stamp); err != nil {
		return claim{}, err
	}
	return c, c.readCredential(credential)
}

// checkHeaderList holds the list of signed headers to its canonical form, so that there is one way to write it.
func checkHeaderList(signed string) error {
	last := ""
	for name := range strings.SplitSeq(signed, ";") {
		if name <= last || name != strings.ToLower(name) {
			return incomplete("The signed headers must be in lower case and sorted, and each listed once.")
		}
		last = name
	}
	return nil
}
