package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/forebay-mq/forebay/internal/config"
	"github.com/forebay-mq/forebay/internal/gateway"
)

// timeText is a time as people write it: 30s, 10m, 12h or 4d.
type timeText time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *timeText) UnmarshalText(text []byte) error {
	d, err := config.Duration(string(text))
	*t = timeText(d)
	return err
}

// sizeText is a number of bytes as people write it: 262144, 256KiB or 1GiB.
type sizeText int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *sizeText) UnmarshalText(text []byte) error {
	n, err := config.Size(string(text))
	*s = sizeText(n)
	return err
}

// gatewayFile is the configuration file of the gateway.
type gatewayFile struct {
	Listen         string            `toml:"listen"`
	State          string            `toml:"state"`
	KeyFile        string            `toml:"key_file"`
	SigningKeys    string            `toml:"signing_keys"`
	Prefix         string            `toml:"prefix"`
	ReplyQueues    string            `toml:"reply_queues"`
	MessageMax     sizeText          `toml:"message_max"`
	StoreMax       sizeText          `toml:"store_max"`
	WaitingMax     int               `toml:"waiting_max"`
	ConnectionsMax int               `toml:"connections_max"`
	PerAddressMax  int               `toml:"connections_per_address"`
	HeadersMax     sizeText          `toml:"headers_max"`
	Pollers        int               `toml:"pollers"`
	GoneAfter      timeText          `toml:"gone_after"`
	PageTemplate   string            `toml:"page_template"`
	TrustedProxies []string          `toml:"trusted_proxies"`
	MetricsListen  string            `toml:"metrics_listen"`
	InsecureHTTP   bool              `toml:"insecure_http"`
	AccessLog      string            `toml:"access_log"`
	AccessLogQuery bool              `toml:"access_log_query"`
	TLS            gatewayTLS        `toml:"tls"`
	Peers          map[string]string `toml:"peers"`
	Routes         []gatewayRoute    `toml:"routes"`

	listener   net.Listener // listens at Listen already; nil: not yet
	acceptLoss bool         // of the command line alone
}

// gatewayTLS is its section [tls].
type gatewayTLS struct {
	Cert     string `toml:"cert"`
	Key      string `toml:"key"`
	ClientCA string `toml:"client_ca"`
}

// gatewayRoute is one [[routes]].
type gatewayRoute struct {
	Name             string   `toml:"name"`
	Queue            string   `toml:"queue"`
	Host             string   `toml:"host"`
	Path             string   `toml:"path"`
	Methods          []string `toml:"methods"`
	Wait             timeText `toml:"wait"`
	WaitMax          timeText `toml:"wait_max"`
	PageWait         timeText `toml:"page_wait"`
	Deadline         timeText `toml:"deadline"`
	Retention        timeText `toml:"retention"`
	BodyMax          sizeText `toml:"body_max"`
	ContentTypes     []string `toml:"content_types"`
	Credential       []string `toml:"credential"`
	CORS             []string `toml:"cors"`
	Rate             float64  `toml:"rate"`
	Burst            int      `toml:"burst"`
	ClientRate       float64  `toml:"client_rate"`
	ClientBurst      int      `toml:"client_burst"`
	Concurrent       int      `toml:"concurrent"`
	ClientConcurrent int      `toml:"client_concurrent"`
	BacklogMax       int      `toml:"backlog_max"`
	QueueWaitMax     timeText `toml:"queue_wait_max"`
	FailFast         timeText `toml:"fail_fast"`
	Once             bool     `toml:"once"`
	SkipIfGone       bool     `toml:"skip_if_gone"`
	Stream           bool     `toml:"stream"`
	EveryForm        bool     `toml:"every_form"`
	Async            bool     `toml:"async"`
}

// route is the route in the gateway's words.
func (r gatewayRoute) route() gateway.Route {
	out := gateway.Route{
		Name: r.Name, Queue: r.Queue, Host: r.Host, Path: r.Path,
		Wait: time.Duration(r.Wait), WaitMax: time.Duration(r.WaitMax), PageWait: time.Duration(r.PageWait),
		Deadline: time.Duration(r.Deadline), Retention: time.Duration(r.Retention),
		BodyMax: int(r.BodyMax), ContentTypes: r.ContentTypes, Credential: r.Credential, CORS: r.CORS,
		Rate: r.Rate, Burst: r.Burst, ClientRate: r.ClientRate, ClientBurst: r.ClientBurst,
		Concurrent: r.Concurrent, ClientConcurrent: r.ClientConcurrent,
		BacklogMax: r.BacklogMax, QueueWaitMax: time.Duration(r.QueueWaitMax), FailFast: time.Duration(r.FailFast),
		Once: r.Once, SkipIfGone: r.SkipIfGone, Stream: r.Stream, EveryForm: r.EveryForm,
	}
	for _, method := range r.Methods {
		out.Methods = append(out.Methods, strings.ToUpper(method))
	}
	if r.Async {
		out.Wait = -1
	}
	return out
}

// routeFlag reads --route: PATH=QUEUE or HOST/PATH=QUEUE.
func routeFlag(text string) (gatewayRoute, error) {
	at, queue, ok := strings.Cut(text, "=")
	slash := strings.Index(at, "/")
	if !ok || queue == "" || slash < 0 {
		return gatewayRoute{}, usage("--route: %q is no route; write it like /=requests or api.example.com/orders=orders", text)
	}
	return gatewayRoute{Host: at[:slash], Path: at[slash:], Queue: queue}, nil
}

// options are the file's values for a gateway; what a flag has given is in the file by now.
func (f *gatewayFile) options() (gateway.Options, error) {
	o := gateway.Options{
		Prefix: f.Prefix, Queues: f.ReplyQueues, MessageMax: int(f.MessageMax), StoreMax: int64(f.StoreMax),
		WaitingMax: f.WaitingMax, Pollers: f.Pollers, GoneAfter: time.Duration(f.GoneAfter), Peers: map[gateway.Instance]string{},
		AcceptLoss: f.acceptLoss, PageTemplate: f.PageTemplate,
	}
	for _, r := range f.Routes {
		o.Routes = append(o.Routes, r.route())
	}
	for _, text := range f.TrustedProxies {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			address, err := netip.ParseAddr(text)
			if err != nil {
				return o, fmt.Errorf("trusted_proxies: %q is neither an address nor a network like 10.0.0.0/8", text)
			}
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		o.TrustedProxies = append(o.TrustedProxies, prefix.Masked())
	}
	for name, base := range f.Peers {
		who, err := gateway.ParseInstance(name)
		if err != nil {
			return o, fmt.Errorf("peers: %w", err)
		}
		o.Peers[who] = base
	}
	if (f.TLS.Cert == "") != (f.TLS.Key == "") {
		return o, errors.New("tls.cert and tls.key go together: give both or neither")
	}
	f.Listen = cmp.Or(f.Listen, gatewayListen)
	if f.State == "" {
		var err error
		if f.State, err = config.UserFolder("gateway", "forebay-gateway", os.LookupEnv); err != nil {
			return o, err
		}
	}
	f.ConnectionsMax = cmp.Or(f.ConnectionsMax, 10_000)
	f.HeadersMax = cmp.Or(f.HeadersMax, 32<<10)
	return o, nil
}
