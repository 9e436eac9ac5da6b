package gateway

import (
	"net/http"
	"strings"
)

// proxyFields are the header fields by which proxies tell servers where a request came from, how, and in whose name.
// Servers and frameworks believe them, so they pass only from a proxy that the gateway trusts. The names are in small
// letters.
var proxyFields = fieldSet(
	"forwarded",
	// the client's address
	"x-real-ip", "true-client-ip", "client-ip", "x-client-ip", "x-cluster-client-ip", "x-remote-ip", "x-remote-addr",
	"remote-addr", "x-originating-ip", "x-proxyuser-ip", "proxy-client-ip", "wl-proxy-client-ip", "fastly-client-ip",
	"x-azure-clientip", "x-azure-socketip", "x-appengine-user-ip", "x-appengine-remote-addr",
	"x-nf-client-connection-ip", "fly-client-ip", "do-connecting-ip", "x-vercel-forwarded-for", "x-vercel-ip-country",
	"x-envoy-external-address", "x-envoy-original-path", "x-sourcefire-client-ip", "x-ms-forwarded-client-ip",
	// scheme, host, port and path before a proxy
	"front-end-https", "x-scheme", "x-url-scheme", "x-host", "x-http-host-override", "x-ssl", "x-https",
	"x-request-uri", "x-script-name", "x-server-name", "x-server-port",
	// who the client is, in the words of the proxy
	"remote-user", "x-remote-user", "x-remote-group", "x-remote-groups", "x-authenticated-user",
	"x-authenticated-email", "x-authenticated-groups", "x-authenticated-userid", "x-client-cert", "x-client-dn",
	"x-client-verify", "x-ssl-cert",
	// read as the environment variable HTTP_PROXY by programs behind CGI
	"proxy",
)

// proxyPrefixes begin the names of more such fields.
var proxyPrefixes = []string{
	"x-forwarded", "x-original-", "x-rewrite-", "cf-", "cloudfront-", "x-client-cert-", "x-ssl-client-",
	"ssl-client-", "x-arr-", "x-appengine-user-", "x-goog-iap-", "x-goog-authenticated-user-", "x-amzn-oidc-",
	"x-amzn-mtls-", "x-auth-request-", "x-ms-client-principal", "akamai-",
}

func fieldSet(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// proxyField reports whether a header field is one of those of proxies. Names are compared as a server behind CGI,
// WSGI, Rack or PHP reads them, where each character that is no letter and no digit is the same; plain is false when
// the name is not written with hyphens, as no proxy does it.
func proxyField(name string) (is, plain bool) {
	plain = true
	key := strings.Map(func(c rune) rune {
		switch {
		case 'A' <= c && c <= 'Z':
			return c + 'a' - 'A'
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-':
			return c
		}
		plain = false
		return '-'
	}, name)
	is = proxyFields[key]
	for _, prefix := range proxyPrefixes {
		is = is || strings.HasPrefix(key, prefix)
	}
	return is, plain
}

// stripProxyFields takes the fields of proxies out of what a client has sent: all of them from a stranger, and from a
// trusted proxy those that it cannot have written itself.
func stripProxyFields(h http.Header, trusted bool) {
	for name := range h {
		if is, plain := proxyField(name); is && (!trusted || !plain) {
			delete(h, name)
		}
	}
}
