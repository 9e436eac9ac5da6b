package target

import (
	"net/netip"
	"net/url"
	"strings"
)

// CheckEndpoint refuses what is no base URL of a server.
func CheckEndpoint(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return refuse(Usage, nil, "%q is no endpoint; write it like %s", text, DefaultEndpoint)
	}
	return nil
}

// Local reports whether the endpoint is on this machine.
func Local(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && loopback(u.Hostname())
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// same reports whether two endpoints are written for the same server. All names of this machine count as one.
func same(a, b string) bool { return canonical(a) == canonical(b) }

func canonical(endpoint string) string {
	u, err := url.Parse(strings.TrimRight(endpoint, "/"))
	if err != nil {
		return endpoint
	}
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	if loopback(host) {
		host = "127.0.0.1"
	}
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	return scheme + "://" + host + ":" + port + u.Path
}
