package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Setting describes one setting for flags, help and documentation.
type Setting struct {
	Key   string // name in the file, sections joined by dots
	Usage string
	Bool  bool // may be given as a flag without a value

	initial string
	set     func(c *Config, text string) error
}

// Flag is the setting's name as a flag, without dashes in front.
func (s Setting) Flag() string { return strings.NewReplacer(".", "-", "_", "-").Replace(s.Key) }

// Env is the setting's name in the environment.
func (s Setting) Env() string {
	return "FOREBAY_" + strings.ToUpper(strings.ReplaceAll(s.Key, ".", "_"))
}

// Default is the value of a setting that nobody sets; empty means none.
func (s Setting) Default() string { return s.initial }

// Settings lists all settings in the order in which they are shown. The slice is the caller's.
func Settings() []Setting { return slices.Clone(settings) }

var settings = []Setting{
	text("listen", "127.0.0.1:4566", "address to listen on, host:port", address, func(c *Config) *string { return &c.Listen }),
	text("data", "", "data folder (default: the first of $STATE_DIRECTORY, /var/lib/forebay, ./forebay-data)", nil, func(c *Config) *string { return &c.Data }),
	yesNo("ephemeral", "no", "keep the data in a temporary folder that is removed at the end", func(c *Config) *bool { return &c.Ephemeral }),
	yesNo("dev", "no", "accept any credentials and create missing queues; this machine only", func(c *Config) *bool { return &c.Dev }),
	yesNo("dev_allow_remote", "no", "let other machines use --dev", func(c *Config) *bool { return &c.DevAllowRemote }),
	{Key: "dev_hosts", Usage: "names by which --dev may be addressed, comma-separated, besides localhost, IP addresses and names without a dot; * is any", set: setHosts},
	{Key: "cors_origins", Usage: "web sites whose pages may call, such as https://app.example.com, comma-separated; * is any (default: none)", set: setOrigins},
	text("public_url", "", "base of queue URLs (default: as the caller addressed the server)", baseURL, func(c *Config) *string { return &c.PublicURL }),
	{Key: "trusted_proxies", Usage: "addresses or networks whose X-Forwarded headers are believed, comma-separated", set: setProxies},
	text("region", "us-east-1", "region in ARNs", region, func(c *Config) *string { return &c.Region }),
	text("account", "000000000000", "account number, 12 digits", account, func(c *Config) *string { return &c.Account }),
	yesNo("insecure_http", "no", "listen beyond this machine without TLS", func(c *Config) *bool { return &c.InsecureHTTP }),
	yesNo("accept_loss", "no", "open a store that has lost acknowledged changes", func(c *Config) *bool { return &c.AcceptLoss }),
	text("witness", "", "file or folder on another disk that notices when the data folder is put back as it was earlier", nil, func(c *Config) *string { return &c.Witness }),
	yesNo("group_read", "no", "let the group of the data folder read it, but for the keys", func(c *Config) *bool { return &c.GroupRead }),
	{Key: "cool_down", initial: "on", Usage: "on or off: 60-second pauses after deleting and purging a queue, as in SQS; off under --dev",
		set: onOff(func(c *Config) *bool { return &c.CoolDown })},
	{Key: "connections_max", Usage: "connections open at a time (default: 20000, or as many as file descriptors allow)", set: count(func(c *Config) *int { return &c.ConnectionsMax })},
	{Key: "connections_per_address", Usage: "connections that one address may have, trusted proxies aside (default: three quarters of all)",
		set: count(func(c *Config) *int { return &c.ConnectionsPerAddress })},
	text("tls.cert", "", "certificate file, PEM; read again when it changes", nil, func(c *Config) *string { return &c.TLSCert }),
	text("tls.key", "", "key file of the certificate, PEM", nil, func(c *Config) *string { return &c.TLSKey }),
	text("tls.client_ca", "", "authorities that must have signed clients' certificates, PEM", nil, func(c *Config) *string { return &c.TLSClientCA }),
	text("log.format", "auto", "auto, text or json; auto is text on a terminal", oneOf("auto", "text", "json"), func(c *Config) *string { return &c.LogFormat }),
	text("log.level", "info", "debug, info, warn or error", oneOf("debug", "info", "warn", "error"), func(c *Config) *string { return &c.LogLevel }),
	text("audit.log", "", "file of the audit log, - for standard error (default: audit.log in the data folder)", nil, func(c *Config) *string { return &c.AuditLog }),
	text("audit.events", "changes", "changes, all or none: what the audit log gets besides what is refused", oneOf("changes", "all", "none"), func(c *Config) *string { return &c.AuditEvents }),
	text("figures", "auto", "who sees /metrics and /forebay/v1/queues without a key: open, keys (nobody), or auto (open while only this machine can connect)",
		oneOf("auto", "open", "keys"), func(c *Config) *string { return &c.Figures }),
	{Key: "metrics.max_queues", Usage: "queues that get metrics of their own", initial: "1000", set: setQueuesMax},
	yesNo("metrics.cloudwatch", "no", "serve /metrics/cloudwatch: queues under the names of Amazon CloudWatch", func(c *Config) *bool { return &c.MetricsCloudWatch }),
	size("memory.cache", "64MiB", "message bodies kept in memory", func(c *Config) *int64 { return &c.MemoryCache }),
	size("memory.store", "64MiB", "block cache of the store", func(c *Config) *int64 { return &c.MemoryStore }),
	{Key: "memory.table", initial: "auto", Usage: "write buffer of the store; auto is 64MiB, or 1/32 of a smaller disk",
		set: auto(size("memory.table", "", "", func(c *Config) *int64 { return &c.MemoryTable }).set)},
	size("memory.requests", "256MiB", "bodies of requests being served", func(c *Config) *int64 { return &c.MemoryRequests }),
}

func text(key, initial, usage string, check func(string) error, field func(*Config) *string) Setting {
	return Setting{Key: key, Usage: usage, initial: initial, set: func(c *Config, text string) error {
		if check != nil && text != "" {
			if err := check(text); err != nil {
				return err
			}
		}
		*field(c) = text
		return nil
	}}
}

func yesNo(key, initial, usage string, field func(*Config) *bool) Setting {
	return Setting{Key: key, Usage: usage, Bool: true, initial: initial, set: onOff(field)}
}

func onOff(field func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, text string) error {
		switch strings.ToLower(text) {
		case "on", "yes", "true", "1":
			*field(c) = true
		case "off", "no", "false", "0":
			*field(c) = false
		default:
			return fmt.Errorf("%q is neither on nor off", text)
		}
		return nil
	}
}

func size(key, initial, usage string, field func(*Config) *int64) Setting {
	return Setting{Key: key, Usage: usage, initial: initial, set: func(c *Config, text string) error {
		n, err := Size(text)
		if err != nil {
			return err
		}
		if n < 1<<20 {
			return fmt.Errorf("%q is below the minimum of 1MiB", text)
		}
		*field(c) = n
		return nil
	}}
}

// auto takes the word auto for what is not set.
func auto(set func(*Config, string) error) func(*Config, string) error {
	return func(c *Config, text string) error {
		if text == "auto" {
			return nil
		}
		return set(c, text)
	}
}

// Size reads a number of bytes such as 4194304, 512KiB, 64MiB or 2GiB; more than none.
func Size(text string) (int64, error) {
	digits, unit := text, int64(1)
	for suffix, factor := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if rest, ok := strings.CutSuffix(text, suffix); ok {
			digits, unit = strings.TrimSpace(rest), factor
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 || n > (1<<40)/unit {
		return 0, fmt.Errorf("%q is no size; write it like 64MiB", text)
	}
	return n * unit, nil
}

func setQueuesMax(c *Config, text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is no number of queues", text)
	}
	c.MetricsQueuesMax = n
	return nil
}

func setProxies(c *Config, text string) error {
	c.TrustedProxies = nil
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		prefix, err := netip.ParsePrefix(part)
		if err != nil {
			addr, err := netip.ParseAddr(part)
			if err != nil {
				return fmt.Errorf("%q is neither an address nor a network like 10.0.0.0/8", part)
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		c.TrustedProxies = append(c.TrustedProxies, prefix.Masked())
	}
	return nil
}

func address(text string) error {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return fmt.Errorf("%q is no address; write host:port, for example 127.0.0.1:4566", text)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q is no port; use 0 to 65535", port)
	}
	return nil
}

func baseURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || strings.Trim(u.Path, "/") != "" {
		return fmt.Errorf("%q is no base URL; write it like https://queues.example.com", text)
	}
	return nil
}

func region(text string) error {
	for _, r := range text {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return fmt.Errorf("%q is no region; use small letters, digits and hyphens", text)
		}
	}
	return nil
}

func account(text string) error {
	if len(text) != 12 || strings.Trim(text, "0123456789") != "" {
		return fmt.Errorf("%q is no account number; it has 12 digits", text)
	}
	return nil
}

func oneOf(choices ...string) func(string) error {
	return func(text string) error {
		if !slices.Contains(choices, text) {
			return fmt.Errorf("%q is not one of %s", text, strings.Join(choices, ", "))
		}
		return nil
	}
}
