package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/forebay-mq/forebay/internal/config"
)

// banner is what serve prints once it is ready.
type banner struct {
	build    build
	cfg      *config.Config
	data     folder
	endpoint string
	newKeys  bool
	took     time.Duration
}

func (b banner) print(w io.Writer) {
	kind, note := "durable", ""
	switch {
	case b.data.ephemeral:
		kind, note = "ephemeral: the data goes when the server stops", "(temporary)"
	case b.data.created:
		note = "(created)"
	}
	auth := "signatures checked"
	switch {
	case b.cfg.Dev:
		auth = "any credentials are accepted (--dev)"
	case b.newKeys:
		auth += "; a root key was created"
	}
	width := max(len(b.endpoint), len(b.data.path)) + 4
	lines := []string{
		fmt.Sprintf("Forebay %s  single node, %s", b.build.Version, kind),
		"",
		fmt.Sprintf("  Endpoint   %-*s%s", width, b.endpoint, "SQS"),
		fmt.Sprintf("  Data       %-*s%s", width, b.data.path, note),
		fmt.Sprintf("  Account    %s   region %s", b.cfg.Account, b.cfg.Region),
		fmt.Sprintf("  Auth       %s", auth),
		"",
		"  Next, in another terminal:",
		fmt.Sprintf("    eval \"$(forebay env%s)\"", b.envFlags()),
		"    forebay send orders --create 'hello'",
		"    forebay receive orders",
		"",
		fmt.Sprintf("ready in %d ms. Press Ctrl-C to stop.", b.took.Milliseconds()),
	}
	var text strings.Builder // one write, so that what reads only its beginning does not break the rest
	for _, line := range lines {
		fmt.Fprintln(&text, strings.TrimRight(line, " "))
	}
	_, _ = io.WriteString(w, text.String()) // w remembers its error
}

// envFlags are what `forebay env` needs to find this server, when it would not by itself.
func (b banner) envFlags() string {
	if !b.data.named {
		return ""
	}
	return " --data " + quoteSh(b.data.path)
}

// endpointOf is how a client on this machine reaches the address.
func endpointOf(address net.Addr, tls bool) string {
	scheme := "http"
	if tls {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return scheme + "://" + address.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
