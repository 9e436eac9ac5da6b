package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/forebay-mq/forebay/queued"
)

// Defaults of what [Options] and [Route] leave zero.
const (
	PrefixDefault    = "/forebay/v1/"
	QueuesDefault    = "forebay-replies"
	WaitDefault      = 30 * time.Second
	WaitMaxDefault   = 5 * time.Minute
	PageWaitDefault  = 5 * time.Second
	DeadlineDefault  = 15 * time.Minute
	RetentionDefault = 24 * time.Hour
	BodyMaxDefault   = 192 << 10
	StoreMaxDefault  = 1 << 30
	WaitingDefault   = 10_000
	GoneAfterDefault = 15 * time.Minute

	messageMaxDefault = 256 << 10
	messageMost       = 1 << 20
	pollersDefault    = 2
	rateClientsMax    = 10_000 // clients whose rate is remembered
	retentionMost     = 14 * 24 * time.Hour
)

// Options say what a gateway is. Client, Keys, Instance, Folder and at least one route are needed.
type Options struct {
	Client   Client   // of the queues
	Keys     *Keys    // the site's
	Instance Instance // this gateway's name
	Folder   string   // for the reply store; no other gateway may use it
	FS       vfs.FS   // holds the folder; nil: the disk
	Routes   []Route  // the first one that fits takes a request

	// Prefix is the path under which replies are fetched. Empty: PrefixDefault. It begins and ends with a slash.
	Prefix string
	// Queues begins the names of reply queues: Queues-site-instance. Empty: QueuesDefault. At most 40 characters.
	Queues string
	// Peers are base URLs of other gateways of the site, which are asked for their replies directly. One that is
	// not here is asked through its queue.
	Peers map[Instance]string
	// MessageMax is how many bytes the queues let a message have; at most 1 MiB. Zero: what each queue of a route says of
	// itself, or 256 KiB where it says nothing; and 256 KiB for the reply queue.
	MessageMax int
	// StoreMax is how many bytes of replies are kept. Zero: StoreMaxDefault.
	StoreMax int64
	// WaitingMax bounds requests being answered at once, on all routes. Zero: WaitingDefault.
	WaitingMax int
	// Pollers is how many long polls wait for replies at once. Zero: 2.
	Pollers int
	// GoneAfter is how long the queue of another instance must have been left alone before this gateway takes care
	// of it. Zero: GoneAfterDefault; at least a minute.
	GoneAfter time.Duration
	// PageTemplate is the file of an html/template for pages that people see of the gateway. Empty: its own.
	PageTemplate string
	// TrustedProxies are the peers whose Forwarded and X-Forwarded-For headers are believed.
	TrustedProxies []netip.Prefix
	// Keyring signs requests, and then replies must be signed too. Empty: nothing is signed or checked.
	Keyring queued.Keyring
	// AccessLog gets a line of JSON for each request, in calls of one goroutine; nil: nothing. Queries are in it only
	// with AccessLogQuery, since they may hold what is secret.
	AccessLog      io.Writer
	AccessLogQuery bool
	// AcceptLoss opens a store that has lost what was acknowledged, and goes on with what is there.
	AcceptLoss bool
	// Look, unless nil, tells of a queue what only Forebay knows; ok is false when it does not answer or is another server.
	Look func(ctx context.Context, queue string) (s Sight, ok bool)

	Log      *slog.Logger          // nil: none
	Registry prometheus.Registerer // for metrics; nil: none
	Fatal    func(error)           // called when the disk has failed; must end the process. Nil: exit

	asksQueues bool // MessageMax was zero
}

// Route says which requests go to which queue, and on what terms. Only Queue is needed.
type Route struct {
	Name    string   // in logs and metrics. Empty: the queue's name
	Queue   string   // name or URL
	Host    string   // without port; empty: any. "*.example.com" is every name one level below
	Path    string   // prefix, at whole segments. Empty: "/"
	Methods []string // empty: any

	Wait      time.Duration // how long a client waits that does not say. Zero: WaitDefault; negative: not at all
	WaitMax   time.Duration // longest that a client may ask to wait. Zero: WaitMaxDefault
	PageWait  time.Duration // how long a browser that loads a page waits, if less than Wait. Zero: PageWaitDefault
	Deadline  time.Duration // after which no backend begins a request. Zero: DeadlineDefault
	Retention time.Duration // how long a reply is kept beyond the deadline. Zero: RetentionDefault

	BodyMax      int      // bytes. Zero: BodyMaxDefault, or what a message has room for at best if that is less
	ContentTypes []string // of requests with a body, without parameters; "image/*" is any. Empty: all
	Credential   []string // headers that tell whose request it is, for limits and keys. Empty: Authorization
	CORS         []string // origins whose pages may call the route; "*" is any

	Rate             float64       // requests a second on this route; zero: any
	Burst            int           // that may come at once. Zero: the rate, at least 1
	ClientRate       float64       // as Rate, of each client
	ClientBurst      int           // as Burst, of each client
	Concurrent       int           // requests being answered at once; zero: any
	ClientConcurrent int           // of each client
	BacklogMax       int           // requests in the queue beyond which it takes no more; zero: any
	QueueWaitMax     time.Duration // estimated wait in the queue beyond which it takes no more; zero: any
	FailFast         time.Duration // refuse when no backend has polled or answered for so long; zero: requests keep

	Once       bool // never start a request twice
	SkipIfGone bool // drop requests whose asker's queue is gone
	Stream     bool // pass on pieces of replies as they are made
	EveryForm  bool // take each form that a browser sends, also one that was sent a moment ago; see forms
}

// withDefaults fills in what is zero.
func (o Options) withDefaults() Options {
	o.Prefix = cmp.Or(o.Prefix, PrefixDefault)
	o.Queues = cmp.Or(o.Queues, QueuesDefault)
	o.asksQueues = o.MessageMax == 0
	o.MessageMax = cmp.Or(o.MessageMax, messageMaxDefault)
	o.StoreMax = cmp.Or(o.StoreMax, StoreMaxDefault)
	o.WaitingMax = cmp.Or(o.WaitingMax, WaitingDefault)
	o.Pollers = cmp.Or(o.Pollers, pollersDefault)
	o.GoneAfter = cmp.Or(o.GoneAfter, GoneAfterDefault)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	o.Routes = slices.Clone(o.Routes)
	for i := range o.Routes {
		o.Routes[i] = o.Routes[i].withDefaults()
	}
	return o
}

func (r Route) withDefaults() Route {
	r.Name = cmp.Or(r.Name, r.Queue[strings.LastIndex(r.Queue, "/")+1:])
	r.Path = cmp.Or(r.Path, "/")
	r.Wait = cmp.Or(r.Wait, WaitDefault)
	r.WaitMax = cmp.Or(r.WaitMax, max(WaitMaxDefault, r.Wait))
	r.PageWait = cmp.Or(r.PageWait, PageWaitDefault)
	r.Deadline = cmp.Or(r.Deadline, DeadlineDefault)
	r.Retention = cmp.Or(r.Retention, RetentionDefault)
	if len(r.Credential) == 0 {
		r.Credential = []string{"Authorization"}
	}
	r.Burst = cmp.Or(r.Burst, max(1, int(r.Rate)))
	r.ClientBurst = cmp.Or(r.ClientBurst, max(1, int(r.ClientRate)))
	return r
}

// validate speaks in the words of the configuration file.
func (o Options) validate() error {
	switch {
	case o.Client == nil || o.Keys == nil || o.Folder == "" || o.Instance == Instance{}:
		return errors.New("a gateway needs a client, keys, a name and a folder")
	case len(o.Routes) == 0:
		return errors.New("a gateway needs at least one route: which requests go to which queue")
	case !strings.HasPrefix(o.Prefix, "/") || !strings.HasSuffix(o.Prefix, "/") || o.Prefix == "/":
		return fmt.Errorf("prefix: %q must begin and end with a slash, with something between", o.Prefix)
	case len(o.Queues) > 40 || strings.Trim(o.Queues, queueLetters) != "":
		return fmt.Errorf("reply_queues: %q must be at most 40 letters, digits, hyphens and underscores", o.Queues)
	case o.MessageMax < 1024 || o.MessageMax > messageMost:
		return fmt.Errorf("message_max: %d is not between 1024 and %d bytes", o.MessageMax, messageMost)
	case o.GoneAfter < time.Minute:
		return fmt.Errorf("gone_after: %v is below a minute", o.GoneAfter)
	}
	names := make(map[string]bool)
	for i, r := range o.Routes {
		if err := r.validate(); err != nil {
			return fmt.Errorf("route %d (%s): %w", i+1, r.Name, err)
		}
		if names[r.Name] {
			return fmt.Errorf("route %d: there are two routes named %q; give one another name", i+1, r.Name)
		}
		names[r.Name] = true
	}
	for instance, base := range o.Peers {
		if u, err := url.Parse(base); err != nil || u.Host == "" {
			return fmt.Errorf("peers: %q of %s is no URL", base, instance)
		}
	}
	return nil
}

const queueLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

func (r Route) validate() error {
	switch {
	case r.Queue == "":
		return errors.New("queue is missing")
	case !strings.HasPrefix(r.Path, "/") || strings.ContainsAny(r.Path, "?#%\\"):
		return fmt.Errorf("path: %q must begin with a slash and have no %%, ? or #", r.Path)
	case strings.ContainsAny(r.Host, "/: "):
		return fmt.Errorf("host: %q must be a name, without scheme and port", r.Host)
	case r.WaitMax < 0 || r.Deadline < time.Second || r.Retention < time.Second:
		return errors.New("wait_max, deadline and retention must be at least a second")
	case r.PageWait < 0:
		return errors.New("page_wait cannot be negative; with async = true nobody waits")
	case r.lifetime() > retentionMost:
		return fmt.Errorf("deadline and retention are %v together, above the %v that a queue keeps messages", r.lifetime(), retentionMost)
	case r.BodyMax < 0 || r.Rate < 0 || r.ClientRate < 0 || r.Burst < 0 || r.ClientBurst < 0 || r.Concurrent < 0 ||
		r.ClientConcurrent < 0 || r.BacklogMax < 0 || r.QueueWaitMax < 0 || r.FailFast < 0:
		return errors.New("limits cannot be negative")
	}
	return nil
}

// lifetime is how long a token of the route is good for.
func (r Route) lifetime() time.Duration { return r.Deadline + r.Retention }

// lifetime is how long any token of this gateway is good for.
func (o Options) lifetime() time.Duration {
	var longest time.Duration
	for _, r := range o.Routes {
		longest = max(longest, r.lifetime())
	}
	return longest
}
