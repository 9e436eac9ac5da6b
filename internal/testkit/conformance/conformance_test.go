// Package conformance holds the server to the SQS contract, row by row, over the wire, in both protocols and in
// virtual time. Every row of the contract is a subtest named by its id; docs/conformance.md lists the families.
package conformance

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/forebay-mq/forebay/internal/testkit"
)

// Map and List are the neutral form of requests and answers.
type (
	Map  = testkit.Map
	List = testkit.List
)

// row is one behaviour of the contract.
type row struct {
	id   string
	test func(t *testing.T, c *testkit.Client)
	only testkit.Protocol // empty: both
	opts testkit.Options
}

// rows returns every row of the contract.
func rows() []row {
	var all []row
	for _, family := range [][]row{
		wireRows(), queryRows(), errorRows(), queueRows(), attributeRows(), tagRows(), purgeRows(), countRows(),
		sendRows(), digestRows(), batchRows(), receiveRows(), pollRows(), deleteRows(), visibilityRows(),
		fifoRows(), dedupRows(), fairRows(), deadLetterRows(), moveRows(), permissionRows(), authRows(),
		hostileRows(), recordedRows(),
	} {
		all = append(all, family...)
	}
	return all
}

// TestConformance runs each row in each protocol against a server of its own.
func TestConformance(t *testing.T) { conform(t, rows()) }

// TestConformanceOverNetHTTP runs the rows that look at HTTP itself against a server as one with TLS is.
func TestConformanceOverNetHTTP(t *testing.T) {
	all := slices.Concat(wireRows(), queryRows(), errorRows(), pollRows(), authRows(), hostileRows(), recordedRows())
	for i := range all {
		all[i].opts.NetHTTP = true
	}
	conform(t, all)
}

func conform(t *testing.T, all []row) {
	for _, r := range all {
		t.Run(r.id, func(t *testing.T) {
			for _, p := range []testkit.Protocol{testkit.JSON, testkit.Query} {
				if r.only != "" && r.only != p {
					continue
				}
				t.Run(string(p), func(t *testing.T) {
					testkit.Run(t, r.opts, func(t *testing.T, k *testkit.Kit) { r.test(t, k.Client(p)) })
				})
			}
		})
	}
}

// Query codes that many rows want.
const (
	badParameter = "InvalidParameterValue"
	missing      = "MissingParameter"
	badAttribute = "InvalidAttributeName"
	badValue     = "InvalidAttributeValue"
	badHandle    = "ReceiptHandleIsInvalid"
	overLimit    = "OverLimit"
	notFound     = "ResourceNotFoundException"
	prefix       = "AWS.SimpleQueueService."
)

// Units of virtual time.
const (
	second = time.Second
	minute = time.Minute
)

// same reports unless got equals want; empty and nil lists are equal.
func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: got %v, want %v (-want +got):\n%s", what, got, want, diff)
	}
}

// bodies reports unless the messages have these bodies, in this order.
func bodies(t *testing.T, what string, got []testkit.Message, want ...string) {
	t.Helper()
	same(t, what, testkit.Bodies(got), want)
}

// contains reports unless the text has the part in it.
func contains(t *testing.T, what, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%s: got %q, want it to contain %q", what, text, part)
	}
}

// has reports whether a result has a member.
func has(m Map, member string) bool {
	_, ok := m[member]
	return ok
}

// text returns a member that is a text; empty when it is absent or something else.
func text(m Map, member string) string {
	s, _ := m[member].(string)
	return s
}

// list returns a list of structures; nil when it is absent.
func list(m Map, member string) []Map {
	items, _ := m[member].(List)
	out := make([]Map, len(items))
	for i, item := range items {
		out[i], _ = item.(Map)
	}
	return out
}

// texts returns the same member of each structure of a list.
func texts(items []Map, member string) []string {
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = text(item, member)
	}
	return out
}

// repeat is strings.Repeat, for sizes.
func repeat(s string, n int) string { return strings.Repeat(s, n) }

// ask returns the request that the client would send, for tests that change it first.
func ask(t *testing.T, c *testkit.Client, action string, in Map) *http.Request {
	t.Helper()
	r, err := c.Request(t.Context(), action, in)
	if err != nil {
		t.Fatalf("%s %v: %v", action, in, err)
	}
	return r
}
