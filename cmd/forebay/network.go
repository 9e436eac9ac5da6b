package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// trustOf makes the TLS settings of a client that trusts the authorities in a file instead of those of the system. Nil, for
// an empty name, are the system's.
func trustOf(file string) (*tls.Config, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, &failure{code: exitUsage, what: fmt.Sprintf("the file of authorities cannot be read: %v", err), err: err,
			hints: []string{"Check --ca-file, FOREBAY_CA_FILE and AWS_CA_BUNDLE; without them the system's authorities are trusted"}}
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, &failure{code: exitUsage, what: file + " has no certificate in it", hints: []string{
			"It must be PEM: text with -----BEGIN CERTIFICATE-----. Check --ca-file, FOREBAY_CA_FILE and AWS_CA_BUNDLE"}}
	}
	return &tls.Config{RootCAs: pool}, nil
}

// connectionFailure words why nothing came of a connection to endpoint, or returns nil when the error is about something
// else.
func connectionFailure(endpoint string, err error) *failure {
	var timeout net.Error
	if dns, ok := errors.AsType[*net.DNSError](err); ok && !dns.IsTimeout {
		return &failure{code: exitUnreachable, what: fmt.Sprintf("there is no host %q, of %s", dns.Name, endpoint), err: err,
			hints: []string{"Check how it is written:  --endpoint URL, --context NAME, or AWS_ENDPOINT_URL_SQS"}}
	}
	if f := certificateFailure(endpoint, err); f != nil {
		return f
	}
	if f := protocolFailure(endpoint, err); f != nil {
		return f
	}
	_, odd := errors.AsType[*smithy.DeserializationError](err)
	switch {
	case errors.Is(err, context.Canceled):
		return nil
	case odd || strings.Contains(err.Error(), "malformed HTTP response"):
		return &failure{code: exitUnreachable, what: "what answers at " + endpoint + " is no queue server: it does not speak the SQS API", err: err,
			hints: []string{"Is it the right address?  --endpoint URL, --context NAME, or AWS_ENDPOINT_URL_SQS"}}
	case errors.As(err, &timeout) && timeout.Timeout():
		return &failure{code: exitUnreachable, what: endpoint + " does not answer in time", err: err, hints: []string{
			"Is it the right address, and does no firewall stand between?  --endpoint URL, or AWS_ENDPOINT_URL_SQS",
			"See what is wrong:  forebay doctor"}}
	case cutOff(err):
		f := &failure{code: exitUnreachable, what: "the server at " + endpoint + " ended the connection without an answer", err: err,
			hints: []string{"Look at its log, and try again"}}
		if strings.HasPrefix(endpoint, "https:") {
			f.hints = append(f.hints, noClientCertificate)
		}
		return f
	case unreachable(err):
		return notReached(endpoint, err)
	}
	return nil
}

// noClientCertificate is a hint for servers that end a connection for the lack of one.
const noClientCertificate = "It may want a certificate of the client, which forebay's commands have none of; see docs/access.md"

// plainText is the message of an error without the words that the SDK puts around it.
func plainText(err error) string {
	if _, ok := errors.AsType[*smithy.OperationError](err); !ok {
		return err.Error()
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// certificateFailure words why the certificate of a server is not believed.
func certificateFailure(endpoint string, err error) *failure {
	f := &failure{code: exitUnreachable, err: err}
	if name, ok := errors.AsType[x509.HostnameError](err); ok {
		names := name.Certificate.DNSNames
		for _, ip := range name.Certificate.IPAddresses {
			names = append(names, ip.String())
		}
		f.what = fmt.Sprintf("the certificate of %s is not for %s", endpoint, name.Host)
		if len(names) > 0 {
			f.what += ", but for " + strings.Join(names, ", ")
			f.hints = []string{"Use a name that it has:  --endpoint " + withHost(endpoint, names[0])}
		} else {
			f.hints = []string{"It has no name at all; make one with a subject alternative name"}
		}
		return f
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		f.what = "the certificate of " + endpoint + " is signed by an authority that is not trusted here"
		f.hints = []string{"Trust it:  --ca-file FILE, or AWS_CA_BUNDLE; FILE has the authority's certificate, PEM"}
		return f
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		f.what = fmt.Sprintf("the certificate of %s is not valid: %v", endpoint, strings.TrimPrefix(invalid.Error(), "x509: "))
		f.hints = []string{"Check the clock of this machine, or give the server a new certificate"}
		return f
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		f.what = fmt.Sprintf("the certificate of %s is not believed: %v", endpoint, errors.Unwrap(err))
		f.hints = []string{"Trust its authority:  --ca-file FILE, or AWS_CA_BUNDLE"}
		return f
	}
	return nil
}

// protocolFailure words the errors of a client and a server of which only one speaks TLS, or does so in its own way.
func protocolFailure(endpoint string, err error) *failure {
	text := err.Error()
	f := &failure{code: exitUnreachable, err: err}
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	switch {
	case plain || strings.Contains(text, "server gave HTTP response to HTTPS client"):
		f.what = endpoint + " does not speak TLS"
		f.hints = []string{"Speak plain HTTP with it:  --endpoint http" + strings.TrimPrefix(endpoint, "https")}
	case spokePlainToTLS(err) || cutOff(err) && speaksTLS(endpoint):
		f.what = endpoint + " speaks TLS, and was spoken to in plain HTTP"
		f.hints = []string{"Speak TLS with it:  --endpoint https" + strings.TrimPrefix(endpoint, "http")}
	case alert || strings.Contains(text, "remote error: tls: "):
		_, reason, _ := strings.Cut(text, "remote error: tls: ")
		f.what = endpoint + " refuses to speak TLS with this client: " + reason
		f.hints = []string{noClientCertificate}
	default:
		return nil
	}
	return f
}

// spokePlainToTLS recognises what servers in Go, and nginx, say in plain text to a client that does not speak TLS.
func spokePlainToTLS(err error) bool {
	if strings.Contains(err.Error(), "HTTP request to an HTTPS server") || strings.Contains(err.Error(), "malformed HTTP response \"\\x15\\x03") {
		return true
	}
	answer, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || answer.Response == nil || answer.Response.StatusCode != http.StatusBadRequest {
		return false
	}
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && strings.Contains(api.ErrorMessage(), "HTTPS")
}

// cutOff reports whether the other side ended the connection without an answer. One that speaks TLS may do so to a client
// that does not, and its word on that gets lost. A write that was under way when the reading of the same connection failed
// finds the connection closed on this side.
func cutOff(err error) bool {
	for _, end := range []error{syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// speaksTLS tries whether TLS is spoken where endpoint says that plain HTTP is. Whose certificate it is does not matter:
// nothing is sent.
func speaksTLS(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" || u.Port() == "" {
		return false
	}
	dialer := &net.Dialer{Timeout: dialMax}
	conn, err := tls.DialWithDialer(dialer, "tcp", u.Host, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// distrusted reports whether err is about TLS: it will be the same the next time.
func distrusted(err error) bool {
	return certificateFailure("", err) != nil || protocolFailure("", err) != nil
}

// withHost is endpoint with another host.
func withHost(endpoint, host string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return endpoint
	}
	if port := u.Port(); port != "" {
		u.Host = net.JoinHostPort(host, port)
	} else {
		u.Host = host
	}
	return u.String()
}

// unreachable reports whether err says that nobody answers at the address at all.
func unreachable(err error) bool {
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) {
		return true
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	dial, ok := errors.AsType[*net.OpError](err)
	return ok && dial.Op == "dial"
}

// notReached is the failure for an endpoint at which nobody answers.
func notReached(endpoint string, err error) *failure {
	hint := "Start a server:  forebay serve"
	if u, parseErr := url.Parse(endpoint); parseErr == nil && u.Host != serveListen {
		hint += " --listen " + u.Host
	}
	f := &failure{code: exitUnreachable, what: "no server answers at " + endpoint, err: err}
	if local(endpoint) {
		f.hints = append(f.hints, hint)
	}
	f.hints = append(f.hints, "Use another one:  --endpoint URL, --context NAME, or AWS_ENDPOINT_URL_SQS")
	return f
}

// keyRefused reports whether the server said that it does not accept the key.
func keyRefused(err smithy.APIError) bool {
	code := err.ErrorCode()
	switch code[strings.LastIndexAny(code, ".#")+1:] {
	case "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidSignatureException",
		"MissingAuthenticationToken", "IncompleteSignature", "InvalidSecurity":
		return true
	}
	return false
}

// explainKey adds to a refusal where the key that was refused is from, and what else there is.
func (t target) explainKey(f *failure) {
	if t.found.KeySource == "" {
		f.what = "no key was found for " + t.endpoint + ", and it accepts none such: " + f.what
		f.hints = []string{"Name its data folder:  --data FOLDER", "Or set both:           FOREBAY_ENDPOINT and FOREBAY_ACCESS_KEY_ID with FOREBAY_SECRET_ACCESS_KEY"}
		if t.found.Note != "" {
			f.hints = append(f.hints, "Not used: "+t.found.Note)
		}
		return
	}
	f.hints = append([]string{fmt.Sprintf("The key is %s, from %s; the server is %s, from %s", t.keyID, t.found.KeySource, t.endpoint, t.found.Source)}, f.hints...)
}
