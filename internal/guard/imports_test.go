package guard

import (
	"slices"
	"strings"
	"testing"
)

// rule says what the code of a package, its tests aside, may import besides the standard library.
type rule struct {
	pkg     string
	imports []string // packages of this module; a trailing "..." takes in what lies below
	modules []string // import paths of other modules; each takes in what lies below
	why     string
}

// rules is the drawing of the house, from the cellar up. Arrows run downward only: a package imports rows above
// its own, never below.
var rules = []rule{
	{pkg: "internal/queue",
		why: "the core is pure: what a queue is does not depend on how it is stored, served or tested"},
	{pkg: "internal/sigv4/sign",
		why: "the client's half of a signature, and what both halves share; a client must not link the server's"},
	{pkg: "internal/sigv4", imports: []string{"internal/queue", "internal/sigv4/sign"},
		why: "signatures are arithmetic on a request; of the queues it knows the error codes alone"},
	{pkg: "internal/forwarded",
		why: "it reads headers and addresses; what a client may do is its callers' matter"},
	{pkg: "internal/nearest",
		why: "it compares words, and knows none"},
	{pkg: "internal/config", imports: []string{"internal/nearest"}, modules: []string{"github.com/pelletier/go-toml/v2"},
		why: "a file's keys are texts and numbers; cmd turns them into each package's own Options"},
	{pkg: "internal/target",
		why: "which server is meant is decided from what it is handed; it reads files and speaks to nobody"},
	{pkg: "internal/history", modules: []string{"github.com/anishathalye/porcupine"},
		why: "it judges what clients saw, and so must not know how the server works"},
	{pkg: "internal/http1",
		why: "it serves any http.Handler, and knows nothing of queues"},
	{pkg: "internal/nonblock",
		why: "system calls; whose bytes they move is none of its business"},
	{pkg: "internal/platform/httpserve", imports: []string{"internal/http1", "internal/nonblock"},
		why: "limits of connections, time and memory for any http.Handler; what is served it does not know"},
	{pkg: "internal/straight", imports: []string{"internal/nonblock"},
		why: "an http.RoundTripper; what is asked of whom is its callers' matter"},
	{pkg: "internal/guard",
		why: "it reads the source, it does not link it"},

	{pkg: "internal/pool/policy",
		why: "a policy is handed what can be observed and answers with a decision, live and simulated alike"},
	{pkg: "internal/pool/sim", imports: []string{"internal/pool/policy"},
		why: "it plays policies on a virtual clock; it knows no server and no queue but its own"},
	{pkg: "worker", modules: []string{"github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go"},
		why: "it is for programs outside: a customer of any server that speaks the API, and it links nothing of this one"},
	{pkg: "internal/pool", imports: []string{"internal/pool/policy", "worker"},
		modules: []string{"github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go", "github.com/prometheus/client_golang"},
		why:     "a pool is a customer: it observes queues through the public API, and declares the driver it needs; of workers it knows the commands they take"},
	{pkg: "internal/pool/lease", imports: []string{"internal/pool"}, modules: []string{"github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go"},
		why: "one leader among several controllers, on any server with FIFO queues"},
	{pkg: "internal/child", modules: []string{"golang.org/x/sys"},
		why: "it runs commands so that nothing of them stays behind, whatever they are for"},
	{pkg: "internal/pool/driver", imports: []string{"internal/child", "internal/pool"}, modules: []string{"github.com/aws/aws-sdk-go-v2"},
		why: "ways to start workers; they know what an order is and nothing of queues; child knows whether a command can be started"},

	{pkg: "internal/pool/commands", imports: []string{"internal/pool", "worker"}, modules: []string{"github.com/aws/aws-sdk-go-v2"},
		why: "it stands around a driver, and speaks to workers through the public API"},

	{pkg: "internal/sqsd", imports: []string{"worker"},
		modules: []string{"github.com/aws/aws-sdk-go-v2", "go.yaml.in/yaml/v3"},
		why:     "it is a handler of a worker, and a customer that sends periodic tasks"},

	{pkg: "internal/broker", imports: []string{"internal/queue"},
		why: "the broker declares the Store it needs, so it knows no engine, no protocol and no client"},
	{pkg: "internal/broker/storetest", imports: []string{"internal/broker", "internal/queue"},
		modules: []string{"github.com/google/go-cmp", "pgregory.net/rapid"},
		why:     "the suite holds the promises of broker.Store, whatever the engine"},
	{pkg: "internal/pebblestore/crashfs", modules: []string{"github.com/cockroachdb/pebble/v2"},
		why: "a disk in memory, for the tests of what stands on one"},
	{pkg: "internal/datafolder",
		why: "it locks folders and closes them to others, whatever is in them"},
	{pkg: "internal/pebblestore", imports: []string{"internal/broker", "internal/datafolder", "internal/queue"},
		modules: []string{"github.com/cockroachdb/pebble/v2", "golang.org/x/sys"},
		why:     "the one package that knows Pebble and the disk"},
	{pkg: "internal/platform/logfile", why: "a log in files of bounded size; it knows nothing of the product"},
	{pkg: "internal/audit", why: "it writes down what it is told about; who tells it knows the protocol"},
	{pkg: "internal/access", imports: []string{"internal/forwarded", "internal/queue", "internal/sigv4"},
		why: "it tells who asks, and ends at queue.Caller"},
	{pkg: "internal/telemetry", imports: []string{"internal/queue"},
		modules: []string{"github.com/prometheus/client_golang", "github.com/prometheus/client_model"},
		why:     "it takes figures through functions it is given, so nothing below needs to know it"},

	{pkg: "internal/signals", imports: []string{"internal/nearest", "internal/queue"},
		why: "as telemetry, it asks through functions it is given; it answers HTTP and knows no broker"},

	{pkg: "internal/sqs/awsjson",
		why: "a codec knows letters; it decides nothing and reaches nobody"},
	{pkg: "internal/sqsclient", imports: []string{"internal/sigv4/sign", "internal/sqs/awsjson"},
		modules: []string{"github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go"},
		why:     "it speaks the public protocol to any server; of this one it shares the letters and how to sign, nothing that knows a queue"},
	{pkg: "internal/sqs/awsquery", imports: []string{"internal/queue", "internal/sqs/wire"},
		why: "as awsjson; the two codecs do not know each other"},
	{pkg: "internal/sqs", imports: []string{"internal/forwarded", "internal/platform/httpserve", "internal/queue", "internal/sigv4/sign", "internal/sqs/..."},
		why: "a front speaks to queue.Service, never to the broker behind it"},

	{pkg: "internal/server", imports: []string{"internal/sqs", "internal/access", "internal/audit", "internal/signals", "internal/telemetry", "internal/broker",
		"internal/forwarded", "internal/pebblestore", "internal/platform/httpserve", "internal/sigv4", "internal/queue"},
		modules: []string{"github.com/cockroachdb/pebble/v2/vfs", "github.com/prometheus/client_golang"},
		why:     "the one place where the parts become a process"},
	{pkg: "internal/testkit", imports: []string{"internal/server", "internal/sqs", "internal/access", "internal/telemetry",
		"internal/broker", "internal/pebblestore", "internal/platform/httpserve", "internal/pebblestore/crashfs", "internal/sigv4",
		"internal/queue"},
		modules: []string{"github.com/cockroachdb/pebble/v2/vfs", "github.com/aws/aws-sdk-go-v2", "github.com/google/go-cmp"},
		why:     "a whole server in virtual time, for tests only"},
	{pkg: "internal/torture",
		why: "it is tests of broker and store together, and a sentence that says so"},
	{pkg: "internal/bench", imports: []string{"internal/sigv4/sign"},
		modules: []string{"github.com/HdrHistogram/hdrhistogram-go", "golang.org/x/sys"},
		why:     "a load generator is a client: it loads any server that speaks the API, and knows none from the inside"},
	{pkg: "internal/gather", modules: []string{"github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go"},
		why: "a customer's way to send and delete by the ten, on any server that speaks the API"},
	{pkg: "queued", imports: []string{"internal/gather"}, modules: []string{"github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go"},
		why: "a customer, and public: it speaks the SQS API through the SDK and works against any server"},
	{pkg: "internal/gateway", imports: []string{"internal/forwarded", "internal/gather", "internal/pebblestore", "internal/platform/httpserve", "queued"},
		modules: []string{"github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go", "github.com/cockroachdb/pebble/v2/vfs",
			"github.com/prometheus/client_golang", "golang.org/x/time"},
		why: "a customer of the queues; of pebblestore it takes KV alone, which keeps its replies and notices when the disk has lost some"},
	{pkg: "internal/backend", imports: []string{"internal/nonblock", "internal/pebblestore", "queued"},
		modules: []string{"github.com/cockroachdb/pebble/v2/vfs"},
		why:     "it joins a queue and an HTTP server; of queues it knows package queued alone, and pebblestore.KV remembers what was started"},
	{pkg: "internal/top", modules: []string{"charm.land/bubbletea/v2"},
		why: "it draws what it is handed, and asks nobody"},
	{pkg: "cmd/forebay", imports: []string{"internal/...", "queued", "worker"},
		modules: []string{"github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/schollz/progressbar/v3",
			"github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go", "github.com/pelletier/go-toml/v2",
			"github.com/prometheus/client_golang", "golang.org/x/sys", "golang.org/x/term"},
		why: "main joins the parts; its client commands speak the public API through the SDK, as every user does"},
	{pkg: "examples/queued-guestbook", imports: []string{"queued"}, modules: []string{"github.com/aws/aws-sdk-go-v2"},
		why: "an example is a customer, and shows how to be one: public things only"},
	{pkg: "e2e", imports: []string{"internal/history"}, modules: []string{"github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go"},
		why: "it sees what a user sees: the binary and the API"},

	{pkg: "examples/internal/jobs", modules: []string{"github.com/aws/aws-sdk-go-v2"},
		why: "examples are customers: queues are reached by the public API alone"},
	{pkg: "examples/internal/local",
		why: "it runs the forebay program, and links nothing of it"},
	{pkg: "examples/thumbnails", imports: []string{"examples/internal/jobs", "examples/internal/local", "worker"},
		modules: []string{"github.com/aws/aws-sdk-go-v2"},
		why:     "examples are customers: what they use, every user can"},
	{pkg: "examples/transcode", imports: []string{"examples/internal/jobs", "examples/internal/local", "worker"},
		modules: []string{"github.com/aws/aws-sdk-go-v2"},
		why:     "as thumbnails"},
}

// importsOnly lists who may import a package, where that is fewer than the rules above would let.
var importsOnly = map[string][]string{
	"internal/config":  {"cmd/forebay"},
	"internal/testkit": {},
}

// ruleFor returns the rule of a package.
func ruleFor(pkg string) (rule, bool) {
	i := slices.IndexFunc(rules, func(r rule) bool { return r.pkg == pkg })
	if i < 0 {
		return rule{}, false
	}
	return rules[i], true
}

// allows says whether the package may import p.
func (r rule) allows(p string) bool {
	if own, ok := strings.CutPrefix(p, modulePath+"/"); ok {
		return slices.ContainsFunc(r.imports, func(pattern string) bool {
			if below, ok := strings.CutSuffix(pattern, "..."); ok {
				return strings.HasPrefix(own, below) && own != r.pkg
			}
			return own == pattern
		})
	}
	first, _, _ := strings.Cut(p, "/")
	if !strings.Contains(first, ".") {
		return true // the standard library
	}
	return slices.ContainsFunc(r.modules, func(m string) bool { return p == m || strings.HasPrefix(p, m+"/") })
}

func TestPackagesImportOnlyWhatTheTableAllows(t *testing.T) {
	unknown := make(map[string]bool)
	for _, f := range sources(t) {
		if f.tests || unknown[f.pkg()] {
			continue
		}
		r, ok := ruleFor(f.pkg())
		if !ok {
			t.Errorf("%s has no row in the table of imports; add one, with its reason", f.pkg())
			unknown[f.pkg()] = true
			continue
		}
		for _, p := range f.imports() {
			if !r.allows(p) {
				t.Errorf("%s imports %s, which %s may not: %s", f.path, p, r.pkg, r.why)
			}
			own := strings.TrimPrefix(p, modulePath+"/")
			if only, limited := importsOnly[own]; limited && !slices.Contains(only, f.pkg()) {
				t.Errorf("%s imports %s, which only %v may", f.path, own, only)
			}
		}
	}
}

func TestTheTableOfImportsHasNoArrowBackUp(t *testing.T) {
	for i, r := range rules {
		for _, imported := range r.imports {
			if strings.HasSuffix(imported, "...") {
				continue
			}
			j := slices.IndexFunc(rules, func(other rule) bool { return other.pkg == imported })
			if j > i {
				t.Errorf("%s (row %d) may import %s (row %d), which stands above it", r.pkg, i, imported, j)
			}
		}
	}
}

func TestEveryRowOfTheTableSaysWhy(t *testing.T) {
	for _, r := range rules {
		if r.why == "" {
			t.Errorf("the row of %s gives no reason", r.pkg)
		}
	}
}
