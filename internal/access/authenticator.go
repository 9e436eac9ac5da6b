package access

import (
	"cmp"
	"crypto/hmac"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/forebay-mq/forebay/internal/forwarded"
	"github.com/forebay-mq/forebay/internal/queue"
	"github.com/forebay-mq/forebay/internal/sigv4"
)

// Failure says why somebody was not let in, in the words of the metric forebay_auth_failures_total.
type Failure string

// The failures. Denied is for a request whose caller is known and may not do what it asks; package queue finds
// that out, so who counts it is whoever sees the answer.
const (
	FailureUnknownKey   Failure = "unknown_key"
	FailureBadSignature Failure = "bad_signature" // wrong, or unreadable
	FailureExpired      Failure = "expired"       // a presigned request
	FailureSkew         Failure = "skew"
	FailureDenied       Failure = "denied"
)

// AuthenticatorOptions say how callers are recognised. Keys and Account are needed.
type AuthenticatorOptions struct {
	Keys    *Keys
	Account string // the server's own, 12 digits: that of keys without another
	Region  string // a signature must be for it; empty: for any
	// TrustedProxies are the peers that are believed where a request came from and whether over TLS.
	TrustedProxies []netip.Prefix
	// OnFailure is called for every request that is refused here. It may be nil.
	OnFailure func(Failure)
	Logger    *slog.Logger     // told about refusals, at debug level; nil: nobody
	Now       func() time.Time // nil: time.Now
}

// Authenticator turns signed requests into callers. It may be used from many goroutines.
type Authenticator struct {
	opts     AuthenticatorOptions
	verifier *sigv4.Verifier
}

// NewAuthenticator returns an Authenticator.
func NewAuthenticator(opts AuthenticatorOptions) *Authenticator {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	secret := func(id string) (string, bool) {
		found, known := opts.Keys.lookup(id)
		return found.secret.Reveal(), known
	}
	return &Authenticator{opts, sigv4.New(sigv4.Options{Secret: secret, Region: opts.Region, Now: opts.Now})}
}

// Authenticate returns who sent r, whose whole body is given. A request without any signature is a stranger's,
// which is no error: a queue's policy may let strangers in. Errors are [*queue.Error]: those of
// [sigv4.Verifier.Verify], and CodeRequestThrottled when the key makes more requests than it may. With an error, the
// caller says where the request came from, and nothing else unless it is throttled.
func (a *Authenticator) Authenticate(r *http.Request, body []byte) (queue.Caller, error) {
	by := strangerOf(r, a.opts.TrustedProxies)
	if !sigv4.Signed(r) {
		return by, nil
	}
	result, err := a.verifier.Verify(r, body)
	if err != nil {
		a.failed(by, err)
		return by, err
	}
	found, known := a.opts.Keys.lookup(result.AccessKeyID)
	if !known { // deleted since the lookup before
		return a.unknown(by)
	}
	return a.admit(by, result.AccessKeyID, found.key)
}

// AuthenticateBasic returns who sent a request with HTTP's basic authentication, the access key id as the user and the
// secret as the password. It is for readers of figures that cannot sign, such as Prometheus. Errors are those of
// Authenticate.
func (a *Authenticator) AuthenticateBasic(r *http.Request) (queue.Caller, error) {
	by := strangerOf(r, a.opts.TrustedProxies)
	id, password, _ := r.BasicAuth()
	found, known := a.opts.Keys.lookup(id)
	if same := hmac.Equal([]byte(found.secret.Reveal()), []byte(password)); !known || !same {
		return a.unknown(by)
	}
	return a.admit(by, id, found.key)
}

// unknown refuses a request with a key that there is not.
func (a *Authenticator) unknown(by queue.Caller) (queue.Caller, error) {
	err := queue.Errorf(queue.CodeUnrecognizedClient, "The security token included in the request is invalid.")
	a.failed(by, err)
	return by, err
}

// admit returns the caller with what its key says, unless it comes too often.
func (a *Authenticator) admit(by queue.Caller, id string, key *Key) (queue.Caller, error) {
	from := by
	by = key.caller(a.opts.Account)
	by.ID, by.Source, by.Secure = id, from.Source, from.Secure
	err := key.usage.admit(key.Name, &key.Limits, a.opts.Keys.watch.now())
	a.opts.Keys.uses.touch(a.opts.Keys.changed)
	return by, err
}

// caller is who calls with the key, wherever from. The account is the server's own.
func (k *Key) caller(account string) queue.Caller {
	account = cmp.Or(k.Account, account)
	return queue.Caller{Account: account, Principal: principal(account, k), ID: k.ID, Grants: k.policy, Owner: k.Owner()}
}

// Standings returns the keys as a broker has to know them. The account is the server's own.
func (k *Keys) Standings(account string) []queue.Standing {
	ring, now := k.ring.Load(), k.watch.now()
	list := make([]queue.Standing, 0, len(ring.list))
	for i := range ring.list {
		key := &ring.list[i]
		if key.Disabled {
			continue
		}
		s := queue.Standing{Caller: key.caller(account)}
		if key.active(now) {
			s.IDs = append(s.IDs, key.ID)
			for _, p := range key.Previous {
				if now.Before(p.Until) {
					s.IDs = append(s.IDs, p.ID)
				}
			}
		}
		list = append(list, s)
	}
	return list
}

func (a *Authenticator) failed(by queue.Caller, err error) {
	failure := failureOf(err)
	if a.opts.OnFailure != nil {
		a.opts.OnFailure(failure)
	}
	a.opts.Logger.Debug("request refused", "reason", failure, "source", by.Source, "err", err)
}

func failureOf(err error) Failure {
	switch {
	case errors.Is(err, sigv4.ErrSkew):
		return FailureSkew
	case errors.Is(err, sigv4.ErrExpired):
		return FailureExpired
	case errors.Is(err, sigv4.ErrMismatch), errors.Is(err, sigv4.ErrMalformed):
		return FailureBadSignature
	}
	return FailureUnknownKey
}

func principal(account string, key *Key) string {
	if key.Root() {
		return "arn:aws:iam::" + account + ":root"
	}
	return "arn:aws:iam::" + account + ":user/" + key.Name
}

// strangerOf returns the caller of a request as long as nothing is known but where it came from.
func strangerOf(r *http.Request, proxies forwarded.Proxies) queue.Caller {
	client := proxies.Client(r)
	return queue.Caller{Source: client.Addr, Secure: client.Secure}
}

// Dev returns an authentication that lets everybody in as the owner of the account, whatever the signature. The
// access key id of a request, if there is one, becomes the caller's ID, which is then what SenderId shows. The proxies
// are believed where a request came from.
func Dev(account string, proxies ...netip.Prefix) func(*http.Request, []byte) (queue.Caller, error) {
	root := queue.Caller{Account: account, Principal: "arn:aws:iam::" + account + ":root", ID: account, Owner: true}
	return func(r *http.Request, _ []byte) (queue.Caller, error) {
		by := root
		from := strangerOf(r, proxies)
		by.Source, by.Secure = from.Source, from.Secure
		if id := ClaimedID(r); id != "" {
			by.ID = strings.Clone(id) // messages keep it, but not the header around it
		}
		return by, nil
	}
}

// ClaimedID returns the access key id that a request names, rightly or not, and empty when it names none or one that is
// longer than any.
func ClaimedID(r *http.Request) string {
	_, credential, found := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if !found && strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") {
		_, credential, _ = strings.Cut(r.URL.RawQuery, "X-Amz-Credential=")
		credential, _, _ = strings.Cut(credential, "&")
		credential, _ = url.QueryUnescape(credential)
	}
	id, _, _ := strings.Cut(credential, "/")
	if len(id) > 128 {
		return ""
	}
	return id
}
