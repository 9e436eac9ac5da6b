// Package config works out the settings of `forebay serve`: default, then configuration file, then environment,
// then flag, each winning over the one before it. It remembers where every value came from.
//
// Every setting has one name from which the others follow: log.level in the file is --log-level as a flag and
// FOREBAY_LOG_LEVEL in the environment.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Config is what a server is told. The zero value is not useful; see [Load].
type Config struct {
	Listen         string         // host:port
	Data           string         // folder; empty: see [DataFolder]
	Ephemeral      bool           // a folder that goes when the server does
	Dev            bool           // accept any credentials, create missing queues
	DevAllowRemote bool           // allow Dev beyond loopback
	DevHosts       []string       // names under which Dev may be addressed, besides those that no web site can have
	CORSOrigins    []string       // sites whose pages may call; "*": any
	PublicURL      string         // base of queue URLs; empty: as the caller addressed the server
	TrustedProxies []netip.Prefix // peers whose forwarding headers are believed
	Region         string         // in ARNs
	Account        string         // 12 digits
	InsecureHTTP   bool           // allow a listener beyond loopback without TLS
	AcceptLoss     bool           // open a store that lost acknowledged changes
	Witness        string         // file or folder outside Data that notices when Data is put back; empty: none
	GroupRead      bool           // the group of Data may read it
	CoolDown       bool           // 60-second pauses after DeleteQueue and PurgeQueue

	TLSCert     string // file with the certificate chain, PEM; empty: no TLS
	TLSKey      string // file with its key, PEM
	TLSClientCA string // file with the authorities that clients must be signed by, PEM; empty: no client certificates

	AuditLog    string // file; empty: audit.log in the data folder, "-": standard error
	AuditEvents string // changes, all or none

	LogFormat string // auto, text or json
	LogLevel  string // debug, info, warn or error

	Figures           string // who sees figures of queues without a key: auto, open or keys
	MetricsQueuesMax  int    // queues with metrics of their own
	MetricsCloudWatch bool   // serve them under the names of Amazon CloudWatch too
	MemoryCache       int64  // bytes of message bodies kept in memory
	MemoryStore       int64  // bytes of the store's block cache
	MemoryTable       int64  // bytes of the store's write buffer; zero: as the disk allows
	MemoryRequests    int64  // bytes of the bodies of requests being served

	ConnectionsMax        int // open at a time; zero: as many as the server thinks right
	ConnectionsPerAddress int // of them from one address; zero: three quarters

	Queues []Queue // to be created at the start if missing, in file order
}

// Queue is a [queues.NAME] section.
type Queue struct {
	Name       string
	Attributes map[string]string // in the API's names and units
	Line       int               // of the file

	deadLetter, maxReceives string // as given; Load makes them a RedrivePolicy
}

// Value is one setting as it ended up, for people.
type Value struct {
	Key    string // name in the file
	Text   string // as it would be written
	Origin string // default, file, environment variable or flag
}

// Sources is where settings may come from.
type Sources struct {
	File  string                      // path of the configuration file; empty: none
	Env   func(string) (string, bool) // like os.LookupEnv; nil: none
	Flags map[string]string           // by flag name, without dashes: only those that were given
}

// Load works out the configuration and where each of its values came from, in the order of [Settings].
// An error speaks of the flag, variable or line that must be changed.
func Load(from Sources) (*Config, []Value, error) {
	tree := &file{}
	if from.File != "" {
		var err error
		if tree, err = readFile(from.File); err != nil {
			return nil, nil, err
		}
	}
	cfg := &Config{Queues: tree.queues}
	var values []Value
	for _, s := range settings {
		text, origin, name := s.initial, "default", s.Key
		if entry, ok := tree.entries[s.Key]; ok {
			text, origin, name = entry.text, fmt.Sprintf("%s:%d", tree.path, entry.line), fmt.Sprintf("%s:%d: %s", tree.path, entry.line, s.Key)
		}
		if from.Env != nil {
			if value, ok := from.Env(s.Env()); ok && value != "" {
				text, origin, name = value, s.Env(), s.Env()
			}
		}
		if value, ok := from.Flags[s.Flag()]; ok {
			text, origin, name = value, "--"+s.Flag(), "--"+s.Flag()
		}
		if err := s.set(cfg, text); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		values = append(values, Value{Key: s.Key, Text: text, Origin: origin})
	}
	if err := cfg.relate(values); err != nil {
		return nil, nil, err
	}
	for _, q := range cfg.Queues {
		if err := q.redrive(cfg); err != nil {
			return nil, nil, fmt.Errorf("%s:%d: %w", from.File, q.Line, err)
		}
	}
	return cfg, values, nil
}

// redrive writes the RedrivePolicy that dead_letter_queue and max_receives stand for.
func (q *Queue) redrive(c *Config) error {
	if q.deadLetter == "" && q.maxReceives == "" {
		return nil
	}
	receives, err := strconv.Atoi(q.maxReceives)
	if q.deadLetter == "" || err != nil || receives < 1 {
		return fmt.Errorf("[queues.%s] needs both dead_letter_queue = \"NAME\" and max_receives = 5", q.Name)
	}
	if q.Attributes["RedrivePolicy"] != "" {
		return fmt.Errorf("[queues.%s] has a redrive_policy and a dead_letter_queue, which are the same: keep one of the two", q.Name)
	}
	arn := "arn:aws:sqs:" + c.Region + ":" + c.Account + ":" + q.deadLetter
	q.Attributes["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, arn, receives)
	return nil
}

// relate checks what one value alone cannot show, and fills in the default that depends on another.
func (c *Config) relate(values []Value) error {
	if c.Dev && c.CoolDown && origin(values, "cool_down") == "default" {
		c.CoolDown = false
		setText(values, "cool_down", "off", "default under dev")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key go together: give both or neither")
	}
	if c.TLSClientCA != "" && c.TLSCert == "" {
		return errors.New("--tls-client-ca needs --tls-cert and --tls-key")
	}
	if c.Ephemeral && origin(values, "witness") == "--witness" {
		return errors.New("--ephemeral keeps nothing, and --witness notices what was not kept: give only one of them")
	}
	if c.Ephemeral {
		c.Witness = ""
	}
	if c.Ephemeral && origin(values, "data") == "--data" {
		return errors.New("--ephemeral keeps nothing, --data says where to keep it: give only one of them")
	}
	if loopback(c.Listen) {
		return nil
	}
	if c.Dev && !c.DevAllowRemote {
		return fmt.Errorf("--dev accepts any credentials, so it listens on this machine only, not on %s\n"+
			"  Leave out --listen, or add --dev-allow-remote if everybody who can reach it may use it", c.Listen)
	}
	if c.TLSCert == "" && !c.InsecureHTTP {
		return fmt.Errorf("%s can be reached from other machines, and nothing would be encrypted\n"+
			"  Use TLS:                   forebay serve --listen %[1]s --tls-cert FILE --tls-key FILE\n"+
			"  Or accept plain HTTP:      forebay serve --listen %[1]s --insecure-http", c.Listen)
	}
	return nil
}

// FiguresClosed reports whether figures of queues are shown only to who has a key.
func (c *Config) FiguresClosed() bool {
	return c.Figures == "keys" || c.Figures == "auto" && !loopback(c.Listen)
}

// loopback reports whether only this machine can reach the address. A name other than localhost is taken for
// reachable, since what it resolves to may change.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func origin(values []Value, key string) string {
	for _, v := range values {
		if v.Key == key {
			return v.Origin
		}
	}
	return ""
}

func setText(values []Value, key, text, origin string) {
	for i := range values {
		if values[i].Key == key {
			values[i].Text, values[i].Origin = text, cmp.Or(origin, values[i].Origin)
		}
	}
}
