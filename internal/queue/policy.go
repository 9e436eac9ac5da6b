package queue

import "strings"

// Policy is a parsed SQS access policy, or what the grants of a key amount to. It is immutable. The nil Policy
// has no statements and matches nothing.
type Policy struct {
	statements []statement
	noARNs     []string
}

// NoARNs returns the texts of the policy that stand where an ARN belongs and are none, so that they match nothing. A
// statement that has only such a Resource does nothing, even if it is a Deny. The slice is the policy's own.
func (p *Policy) NoARNs() []string {
	if p == nil {
		return nil
	}
	return p.noARNs
}

// statement is one Allow or Deny. All of its parts must match.
type statement struct {
	deny       bool
	principals []principal // empty: a key's grant, which is about the key itself
	exceptActs bool        // actions came as NotAction
	actions    []string    // lower-case patterns without "sqs:"
	resources  []string    // ARN patterns; empty: the queue that the policy is on
	conditions []condition
	text       string // as it was written, without spaces; empty for a grant
}

// principal is somebody a statement is about.
type principal struct {
	kind principalKind
	name string // an account id or an ARN
}

type principalKind uint8

const (
	anyone       principalKind = iota // everybody, strangers without a key too
	oneAccount                        // the keys of an account
	oneCaller                         // the key with this ARN
	cloudService                      // a service of the cloud provider, of which none ever calls here
)

// Verdict is what a policy says about a request.
type Verdict uint8

// The verdicts. A Deny anywhere in a policy outweighs every Allow in it.
const (
	NoMatch Verdict = iota
	Allowed
	Denied
)

// String returns the verdict's name.
func (v Verdict) String() string {
	switch v {
	case Allowed:
		return "Allowed"
	case Denied:
		return "Denied"
	}
	return "NoMatch"
}

// Evaluate returns what p says about r. It does not allocate.
func (p *Policy) Evaluate(r Request) Verdict {
	if p == nil {
		return NoMatch
	}
	verdict := NoMatch
	for i := range p.statements {
		s := &p.statements[i]
		if !s.matches(r) {
			continue
		}
		if s.deny {
			return Denied
		}
		verdict = Allowed
	}
	return verdict
}

func (s *statement) matches(r Request) bool {
	if !s.about(r) || s.covers(r.Action) == s.exceptActs || !s.on(r.Resource) {
		return false
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(r, s.deny) {
			return false
		}
	}
	return true
}

// about reports whether the caller is one of the principals.
//
// An Allow for an account opens the queue to the keys of other accounts only. Naming the queue's own account
// grants nothing, as on AWS: there the grants of each key decide, and the usual first statement of a policy
// (the owner's account may do everything) must not void them.
func (s *statement) about(r Request) bool {
	for _, p := range s.principals {
		switch p.kind {
		case anyone:
			return true
		case oneAccount:
			if r.By.Account == p.name && (s.deny || r.By.Account != r.Account) {
				return true
			}
		case oneCaller:
			if r.By.Principal == p.name {
				return true
			}
		}
	}
	return len(s.principals) == 0
}

func (s *statement) covers(action string) bool {
	for _, pattern := range s.actions {
		if wildcardMatch(pattern, action, true) {
			return true
		}
	}
	return false
}

func (s *statement) on(resource string) bool {
	for _, pattern := range s.resources {
		if wildcardMatch(pattern, resource, false) {
			return true
		}
	}
	return len(s.resources) == 0
}

// wildcardMatch reports whether the whole text fits the pattern, in which * stands for any bytes, also none,
// and ? for one. With fold the pattern is lower case and the text's ASCII letters are folded to it.
// Its time is bounded by the product of the lengths.
func wildcardMatch(pattern, text string, fold bool) bool {
	p, t := 0, 0
	star, resume := -1, 0 // the last * seen, and the text after what it has swallowed so far
	for t < len(text) {
		c := text[t]
		if fold && 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == c):
			p++
			t++
		case star >= 0:
			resume++
			p, t = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
