package queue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// ParsePolicy reads the text of a Policy attribute. The empty text is no policy, and a nil Policy.
//
// What is malformed is CodeInvalidAttributeValue, what is too much of something CodeOverLimit. A member,
// operator or key that is valid on AWS and not understood here is refused by name, never ignored. A text that is no ARN
// where one belongs is accepted, as at AWS, and matches nothing: see [Policy.NoARNs].
func ParsePolicy(text string) (*Policy, error) {
	if text == "" {
		return nil, nil
	}
	if len(text) > PolicyBytesMax {
		return nil, malformedPolicy(fmt.Errorf("%d bytes, at most %d are allowed", len(text), PolicyBytesMax))
	}
	if !utf8.ValidString(text) {
		return nil, malformedPolicy(errors.New("not UTF-8"))
	}
	var p policyParser
	err := p.document([]byte(text))
	if err == nil {
		return &Policy{statements: p.statements, noARNs: p.noARNs}, nil
	}
	var refusal *Error
	if errors.As(err, &refusal) {
		return nil, refusal
	}
	return nil, malformedPolicy(err)
}

func malformedPolicy(cause error) *Error {
	return &Error{Code: CodeInvalidAttributeValue, Message: "Invalid value for the parameter Policy.", Err: cause}
}

// unsupported is the refusal of something that may be right on AWS. Its text is for the client.
func unsupported(format string, args ...any) *Error {
	return Errorf(CodeInvalidAttributeValue, "Invalid value for the parameter Policy. Reason: %s.", fmt.Sprintf(format, args...))
}

// atMost refuses the part of a policy that is over a limit.
func atMost(limit, n int, what string) error {
	if n <= limit {
		return nil
	}
	return Errorf(CodeOverLimit, "%d %s were found, maximum allowed is %d.", n, what, limit)
}

// policyParser collects the statements and counts what is limited for the document as a whole.
type policyParser struct {
	statements []statement
	sids       []string
	principals int
	conditions int
	noARNs     []string
}

func (p *policyParser) document(raw []byte) error {
	members, err := objectMembers(raw)
	if err != nil {
		return err
	}
	for _, m := range members {
		switch m.name {
		case "Version":
			err = checkVersion(m.value)
		case "Id":
			_, err = textValue(m.value)
		case "Statement":
			err = p.statementList(m.value)
		default:
			err = unsupported("the policy has an unknown member %q", m.name)
		}
		if err != nil {
			return err
		}
	}
	if len(p.statements) == 0 {
		return errors.New("no Statement")
	}
	return nil
}

func checkVersion(raw json.RawMessage) error {
	version, err := textValue(raw)
	if err == nil && version != "2008-10-17" && version != "2012-10-17" {
		err = fmt.Errorf("unknown Version %q", version)
	}
	return err
}

func (p *policyParser) statementList(raw json.RawMessage) error {
	list, err := oneOrMany(raw)
	if err != nil {
		return err
	}
	if err := atMost(StatementsMax, len(list), "Statements"); err != nil {
		return err
	}
	for _, item := range list {
		s, err := p.statement(item)
		if err != nil {
			return err
		}
		p.statements = append(p.statements, s)
	}
	if err := atMost(PrincipalsMax, p.principals, "Principals"); err != nil {
		return err
	}
	return atMost(ConditionsMax, p.conditions, "Conditions")
}

func (p *policyParser) statement(raw json.RawMessage) (statement, error) {
	members, err := objectMembers(raw)
	if err != nil {
		return statement{}, err
	}
	var s statement
	var effect string
	for _, m := range members {
		switch m.name {
		case "Sid":
			err = p.sid(m.value)
		case "Effect":
			effect, err = textValue(m.value)
		case "Principal":
			s.principals, err = p.principalsOf(m.value)
		case "Action", "NotAction":
			if s.actions != nil {
				return statement{}, errors.New("more than one of Action and NotAction")
			}
			s.exceptActs = m.name == "NotAction"
			s.actions, err = actionPatterns(m.value)
		case "Resource":
			s.resources, err = p.resourcePatterns(m.value)
		case "Condition":
			s.conditions, err = p.conditionsOf(m.value)
		default:
			err = unsupported("the statement has an unknown or unsupported member %q", m.name)
		}
		if err != nil {
			return statement{}, err
		}
	}
	s.text = spaceless(raw)
	s.deny = effect == "Deny"
	if !s.deny && effect != "Allow" {
		return statement{}, fmt.Errorf("the Effect is %q, neither Allow nor Deny", effect)
	}
	if s.principals == nil || s.actions == nil {
		return statement{}, errors.New("a statement needs a Principal and an Action")
	}
	return s, nil
}

// spaceless returns JSON without the spaces around its values, so that equal statements have equal texts.
func spaceless(raw json.RawMessage) string {
	var b bytes.Buffer
	_ = json.Compact(&b, raw) // it has been read as JSON
	return b.String()
}

func (p *policyParser) sid(raw json.RawMessage) error {
	sid, err := textValue(raw)
	if err != nil {
		return err
	}
	for _, other := range p.sids {
		if sid == other {
			return fmt.Errorf("the Sid %q repeats", sid)
		}
	}
	p.sids = append(p.sids, sid)
	return nil
}

func (p *policyParser) principalsOf(raw json.RawMessage) ([]principal, error) {
	if text, err := textValue(raw); err == nil {
		if text != "*" {
			return nil, fmt.Errorf("the Principal %q is neither * nor an object", text)
		}
		p.principals++
		return []principal{{kind: anyone}}, nil
	}
	members, err := objectMembers(raw)
	if err != nil {
		return nil, err
	}
	var list []principal
	for _, m := range members {
		if m.name != "AWS" && m.name != "Service" {
			return nil, unsupported("principals of the type %q are not supported", m.name)
		}
		names, err := textValues(m.value)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			one := principal{kind: cloudService, name: name}
			if m.name == "AWS" {
				if one, err = parsePrincipal(name); err != nil {
					return nil, err
				}
			}
			list = append(list, one)
		}
	}
	p.principals += len(list)
	return list, nil
}

// parsePrincipal reads an account id, the ARN of an account's root, the ARN of a user (or of a role, which no
// key here has), or *.
func parsePrincipal(text string) (principal, error) {
	if text == "*" {
		return principal{kind: anyone}, nil
	}
	if isAccount(text) {
		return principal{kind: oneAccount, name: text}, nil
	}
	parts := strings.SplitN(text, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || (parts[2] != "iam" && parts[2] != "sts") || parts[3] != "" || !isAccount(parts[4]) {
		return principal{}, fmt.Errorf("%q is not a principal", text)
	}
	if parts[5] == "root" {
		return principal{kind: oneAccount, name: parts[4]}, nil
	}
	if parts[5] == "" || strings.ContainsAny(parts[5], "*?") {
		return principal{}, fmt.Errorf("%q is not a principal: a wildcard can only stand alone", text)
	}
	return principal{kind: oneCaller, name: text}, nil
}

// isAccount reports whether text is the id of an account: 12 digits.
func isAccount(text string) bool { return len(text) == 12 && strings.Trim(text, "0123456789") == "" }

func actionPatterns(raw json.RawMessage) ([]string, error) {
	names, err := textValues(raw)
	if err != nil {
		return nil, err
	}
	if err := atMost(StatementActsMax, len(names), "Actions"); err != nil {
		return nil, err
	}
	for i, name := range names {
		if names[i], err = actionPattern(name); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// actionPattern brings an action to the form that is matched. The name of a batch action stands for that of
// its single one, whose right it needs.
func actionPattern(name string) (string, error) {
	if name == "*" {
		return name, nil
	}
	pattern, found := strings.CutPrefix(strings.ToLower(name), "sqs:")
	if found {
		for _, p := range [...]string{pattern, strings.TrimSuffix(pattern, "batch")} {
			for _, r := range rights {
				if wildcardMatch(p, r.name, true) {
					return p, nil
				}
			}
		}
	}
	return "", unsupported("%q is no action of this service", name)
}

func (p *policyParser) resourcePatterns(raw json.RawMessage) ([]string, error) {
	patterns, err := textValues(raw)
	if err != nil {
		return nil, err
	}
	return p.arnPatterns(patterns), nil
}

// matchesNothing is the pattern that stands for a text that is no ARN: every resource and source has a name.
const matchesNothing = ""

// arnPatterns replaces the patterns that are no ARN, nor a lone *, with one that matches nothing, and notes them.
// "ord*" must not match arn:… by chance.
func (p *policyParser) arnPatterns(patterns []string) []string {
	for i, pattern := range patterns {
		if pattern != "*" && (!strings.HasPrefix(pattern, "arn:") || strings.Count(pattern, ":") < 5) {
			p.noARNs = append(p.noARNs, pattern)
			patterns[i] = matchesNothing
		}
	}
	return patterns
}

func (p *policyParser) conditionsOf(raw json.RawMessage) ([]condition, error) {
	operators, err := objectMembers(raw)
	if err != nil {
		return nil, err
	}
	var list []condition
	for _, operator := range operators {
		keys, err := objectMembers(operator.value)
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			values, err := scalarValues(key.value)
			if err != nil {
				return nil, err
			}
			if strings.EqualFold(key.name, "aws:SourceArn") {
				values = p.arnPatterns(values)
			}
			c, err := newCondition(operator.name, key.name, values)
			if err != nil {
				return nil, err
			}
			list = append(list, c)
		}
	}
	p.conditions += len(list)
	return list, nil
}

// member is a member of a JSON object, its value as it was written.
type member struct {
	name  string
	value json.RawMessage
}

// objectMembers returns the members of a JSON object in their order. A name that repeats is an error, since
// readers differ in which of the two they believe.
func objectMembers(raw []byte) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if first, err := dec.Token(); err != nil || first != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	var members []member
	seen := make(map[string]bool)
	for dec.More() {
		var m member
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		m.name, _ = name.(string)
		if err := dec.Decode(&m.value); err != nil {
			return nil, err
		}
		if seen[m.name] {
			return nil, fmt.Errorf("the member %q repeats", m.name)
		}
		seen[m.name] = true
		members = append(members, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	return members, nil
}

// oneOrMany returns the items of a JSON array, or the one value that stands for an array of one.
func oneOrMany(raw json.RawMessage) ([]json.RawMessage, error) {
	if len(raw) == 0 || raw[0] != '[' {
		return []json.RawMessage{raw}, nil
	}
	var items []json.RawMessage
	err := json.Unmarshal(raw, &items)
	if err == nil && len(items) == 0 {
		err = errors.New("an empty list")
	}
	return items, err
}

func textValue(raw json.RawMessage) (string, error) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", fmt.Errorf("%.40s is not a text", raw)
	}
	var text string
	err := json.Unmarshal(raw, &text)
	if err == nil && strings.Contains(text, "${") {
		err = unsupported("the policy variable in %q is not supported", text)
	}
	return text, err
}

func textValues(raw json.RawMessage) ([]string, error) {
	items, err := oneOrMany(raw)
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(items))
	for i, item := range items {
		if texts[i], err = textValue(item); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

// scalarValues returns the values of a condition as texts: numbers and booleans may come without quotes.
func scalarValues(raw json.RawMessage) ([]string, error) {
	items, err := oneOrMany(raw)
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(items))
	for i, item := range items {
		switch item[0] {
		case '{', '[', 'n':
			return nil, fmt.Errorf("%.40s is not a condition's value", item)
		case '"':
			texts[i], err = textValue(item)
		default:
			texts[i] = string(item)
		}
		if err != nil {
			return nil, err
		}
	}
	return texts, nil
}
