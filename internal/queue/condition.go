package queue

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// condition is one operator applied to one key, e.g. IpAddress to aws:SourceIp.
type condition struct {
	negated  bool // a Not operator
	ifExists bool // an …IfExists operator
	address  bool // about the address of the caller
	// compare reports whether the request's value equals one of the policy's, and whether the request has one.
	compare func(Request) (equal, present bool)
}

// holds reports whether the request fulfils the condition of a statement that denies, or allows. As on AWS, a value
// that the request does not have fulfils only the negated and the …IfExists operators.
//
// The address is another matter. One that is unknown, because a trusted proxy did not tell it in a form that can be
// read, counts against the caller: it fulfils what denies and nothing that allows. Where the server itself asks there
// is no address to speak of, and it is the other way round.
func (c *condition) holds(r Request, denies bool) bool {
	if c.address && !r.By.Source.IsValid() {
		return denies != r.By.Inside
	}
	equal, present := c.compare(r)
	if !present {
		return c.negated || c.ifExists
	}
	return equal != c.negated
}

// newCondition builds the condition of an operator, a key and the values that it is compared with. Operators
// and keys that are not known here are refused by name: a condition that nobody checks is worse than none.
func newCondition(operator, key string, values []string) (condition, error) {
	base, ifExists := strings.CutSuffix(operator, "IfExists")
	c := condition{ifExists: ifExists, negated: strings.Contains(base, "Not")}
	var err error
	switch base {
	case "IpAddress", "NotIpAddress":
		err = c.compareAddress(key, values)
	case "Bool":
		err = c.compareBool(key, values)
	case "DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals":
		err = c.compareTime(base, key, values)
	case "ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike":
		err = c.compareARN(key, values)
	case "StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike":
		err = c.compareText(base, key, values)
	default:
		return condition{}, unsupported("the condition operator %s is not supported", operator)
	}
	if err != nil {
		return condition{}, fmt.Errorf("condition %s: %w", operator, err)
	}
	return c, nil
}

func wrongKey(key string) error {
	return unsupported("the condition key %s is not supported with this operator", key)
}

func (c *condition) compareAddress(key string, values []string) error {
	if !strings.EqualFold(key, "aws:SourceIp") {
		return wrongKey(key)
	}
	prefixes := make([]netip.Prefix, len(values))
	for i, v := range values {
		prefix, err := parseRange(v)
		if err != nil {
			return err
		}
		prefixes[i] = prefix
	}
	c.address = true
	c.compare = func(r Request) (bool, bool) {
		source := r.By.Source.Unmap().WithZone("")
		for _, p := range prefixes {
			if p.Contains(source) {
				return true, true
			}
		}
		return false, source.IsValid()
	}
	return nil
}

// parseRange reads a range of addresses, or one address. IPv4 addresses are compared as such, so ranges of
// IPv6 that stand for IPv4 would never match; they are refused.
func parseRange(text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		addr, addrErr := netip.ParseAddr(text)
		prefix, err = netip.PrefixFrom(addr, addr.BitLen()), addrErr
	}
	if err != nil || prefix.Addr().Zone() != "" || prefix.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is not an address or range", text)
	}
	return prefix, nil
}

func (c *condition) compareBool(key string, values []string) error {
	if !strings.EqualFold(key, "aws:SecureTransport") {
		return wrongKey(key)
	}
	var wanted [2]bool // whether false, and whether true, is one of the values
	for _, v := range values {
		switch strings.ToLower(v) {
		case "false":
			wanted[0] = true
		case "true":
			wanted[1] = true
		default:
			return fmt.Errorf("%q is neither true nor false", v)
		}
	}
	c.compare = func(r Request) (bool, bool) {
		if r.By.Secure {
			return wanted[1], true
		}
		return wanted[0], true
	}
	return nil
}

func (c *condition) compareTime(operator, key string, values []string) error {
	if !strings.EqualFold(key, "aws:CurrentTime") && !strings.EqualFold(key, "aws:EpochTime") {
		return wrongKey(key)
	}
	times := make([]time.Time, len(values))
	for i, v := range values {
		t, err := parsePolicyTime(v)
		if err != nil {
			return err
		}
		times[i] = t
	}
	c.compare = func(r Request) (bool, bool) {
		for _, t := range times {
			if timeFits(operator, r.Now.Compare(t)) {
				return true, true
			}
		}
		return false, true
	}
	return nil
}

// timeFits reports whether a comparison's outcome (-1: earlier, 0: the same moment, +1: later) is the operator's.
func timeFits(operator string, order int) bool {
	switch operator {
	case "DateLessThan":
		return order < 0
	case "DateLessThanEquals":
		return order <= 0
	case "DateGreaterThan":
		return order > 0
	case "DateGreaterThanEquals":
		return order >= 0
	}
	return order == 0
}

// parsePolicyTime reads the ISO 8601 forms that IAM takes, and seconds since the epoch.
func parsePolicyTime(text string) (time.Time, error) {
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(seconds, 0), nil
	}
	return time.Time{}, fmt.Errorf("%q is not a time", text)
}

// compareARN matches the six parts of an ARN one by one, so that a wildcard does not reach into the next part.
func (c *condition) compareARN(key string, values []string) error {
	get := textOf(key)
	if get == nil || !strings.HasSuffix(strings.ToLower(key), "arn") {
		return wrongKey(key)
	}
	for _, v := range values {
		if v != "*" && v != matchesNothing && (!strings.HasPrefix(v, "arn:") || strings.Count(v, ":") < 5) {
			return fmt.Errorf("%q is not an ARN", v)
		}
	}
	c.compare = func(r Request) (bool, bool) {
		text := get(r)
		for _, v := range values {
			if text != "" && arnMatch(v, text) {
				return true, true
			}
		}
		return false, text != ""
	}
	return nil
}

func arnMatch(pattern, text string) bool {
	if pattern == "*" {
		return true
	}
	for range 5 {
		p, patternRest, _ := strings.Cut(pattern, ":")
		t, textRest, found := strings.Cut(text, ":")
		if !found || !wildcardMatch(p, t, false) {
			return false
		}
		pattern, text = patternRest, textRest
	}
	return wildcardMatch(pattern, text, false)
}

func (c *condition) compareText(operator, key string, values []string) error {
	get := textOf(key)
	if get == nil {
		return wrongKey(key)
	}
	equal := func(value, text string) bool { return value == text }
	switch operator {
	case "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase":
		equal = strings.EqualFold
	case "StringLike", "StringNotLike":
		equal = func(value, text string) bool { return wildcardMatch(value, text, false) }
	}
	c.compare = func(r Request) (bool, bool) {
		text := get(r)
		for _, v := range values {
			if text != "" && equal(v, text) {
				return true, true
			}
		}
		return false, text != ""
	}
	return nil
}

// textOf returns how to read a text key from a request, nil for a key that is not known. Empty is absent.
// The source keys are set by services of the cloud provider when they call; nothing sets them here, so that
// statements for such services can be stored and never match.
func textOf(key string) func(Request) string {
	switch strings.ToLower(key) {
	case "aws:principalarn":
		return func(r Request) string { return r.By.Principal }
	case "aws:principalaccount":
		return func(r Request) string { return r.By.Account }
	case "aws:username":
		return func(r Request) string {
			_, name, _ := strings.Cut(r.By.Principal, ":user/")
			return name
		}
	case "aws:sourcearn", "aws:sourceaccount":
		return func(Request) string { return "" }
	}
	return nil
}
