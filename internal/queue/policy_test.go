package queue

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

const (
	testAccount = "000000000000"
	testQueue   = "arn:aws:sqs:us-east-1:000000000000:orders"
)

var (
	stranger = Caller{Source: netip.MustParseAddr("198.51.100.7")}
	root     = Caller{Account: testAccount, Principal: "arn:aws:iam::000000000000:root", Owner: true}
	web      = Caller{Account: testAccount, Principal: "arn:aws:iam::000000000000:user/web"}
	partner  = Caller{Account: "111122223333", Principal: "arn:aws:iam::111122223333:user/partner"}
	foreign  = Caller{Account: "111122223333", Principal: "arn:aws:iam::111122223333:root", Owner: true}
)

// ask makes a request of by for the test queue.
func ask(by Caller, action string) Request {
	return Request{By: by, Action: action, Resource: testQueue, Account: testAccount, Now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
}

// statementText makes the policy of one statement from its members.
func statementText(members string) string {
	return `{"Version":"2012-10-17","Statement":[{` + members + `}]}`
}

func mustPolicy(t *testing.T, text string) *Policy {
	t.Helper()
	p, err := ParsePolicy(text)
	if err != nil {
		t.Fatalf("ParsePolicy(%s): %v", text, err)
	}
	return p
}

func TestEvaluate(t *testing.T) {
	open := `"Effect":"Allow","Principal":"*"`
	for _, row := range []struct {
		name, members, action string
		by                    Caller
		want                  Verdict
	}{
		{"everybody may send", open + `,"Action":"sqs:SendMessage"`, "SendMessage", stranger, Allowed},
		{"and do nothing else", open + `,"Action":"sqs:SendMessage"`, "ReceiveMessage", stranger, NoMatch},
		{"the prefix and name in other case", open + `,"Action":"SQS:sendmessage"`, "SendMessage", stranger, Allowed},
		{"a wildcard at the end", open + `,"Action":"sqs:Get*"`, "GetQueueUrl", stranger, Allowed},
		{"a wildcard for one letter", open + `,"Action":"sqs:?endMessage"`, "SendMessage", stranger, Allowed},
		{"all actions", open + `,"Action":"*"`, "PurgeQueue", stranger, Allowed},
		{"a batch action stands for the single one", open + `,"Action":"sqs:SendMessageBatch"`, "SendMessage", stranger, Allowed},
		{"one of several actions", open + `,"Action":["sqs:GetQueueUrl","sqs:SendMessage"]`, "SendMessage", stranger, Allowed},
		{"all but an action", open + `,"NotAction":"sqs:PurgeQueue"`, "SendMessage", stranger, Allowed},
		{"the excepted action", open + `,"NotAction":"sqs:PurgeQueue"`, "PurgeQueue", stranger, NoMatch},
		{"everybody as an AWS principal", `"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sqs:*"`, "SendMessage", stranger, Allowed},
		{"an account by its id", `"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sqs:*"`, "SendMessage", partner, Allowed},
		{"an account by its root", `"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"sqs:*"`, "SendMessage", partner, Allowed},
		{"another account", `"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"sqs:*"`, "SendMessage", partner, NoMatch},
		{"a stranger is no account", `"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sqs:*"`, "SendMessage", stranger, NoMatch},
		{"the queue's own account grants its keys nothing", `"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sqs:*"`, "SendMessage", web, NoMatch},
		{"but denies them", `"Effect":"Deny","Principal":{"AWS":"000000000000"},"Action":"sqs:*"`, "SendMessage", web, Denied},
		{"a key by its ARN", `"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::000000000000:user/web"]},"Action":"sqs:*"`, "SendMessage", web, Allowed},
		{"a service never calls", `"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:*"`, "SendMessage", stranger, NoMatch},
		{"the queue's ARN", open + `,"Action":"sqs:*","Resource":"` + testQueue + `"`, "SendMessage", stranger, Allowed},
		{"another queue's ARN", open + `,"Action":"sqs:*","Resource":"` + testQueue + `2"`, "SendMessage", stranger, NoMatch},
		{"a resource with wildcards", open + `,"Action":"sqs:*","Resource":"arn:aws:sqs:*:*:ord*"`, "SendMessage", stranger, Allowed},
		{"any resource", open + `,"Action":"sqs:*","Resource":["*"]`, "SendMessage", stranger, Allowed},
		{"a resource that is no ARN", open + `,"Action":"sqs:*","Resource":"orders"`, "SendMessage", stranger, NoMatch},
		{"an empty resource", open + `,"Action":"sqs:*","Resource":""`, "SendMessage", stranger, NoMatch},
		{"a pattern that is no ARN and would fit", open + `,"Action":"sqs:*","Resource":["*orders", "a*", "arn:*"]`, "SendMessage", stranger, NoMatch},
		{"a resource that is no ARN beside one that is", open + `,"Action":"sqs:*","Resource":["orders","` + testQueue + `"]`, "SendMessage", stranger, Allowed},
	} {
		t.Run(row.name, func(t *testing.T) {
			text := statementText(row.members)
			if got := mustPolicy(t, text).Evaluate(ask(row.by, row.action)); got != row.want {
				t.Errorf("%s\n%s by %q: got %v, want %v", text, row.action, row.by.Principal, got, row.want)
			}
		})
	}
}

func TestADenyOutweighsEveryAllow(t *testing.T) {
	allow := `{"Effect":"Allow","Principal":"*","Action":"sqs:*"}`
	deny := `{"Effect":"Deny","Principal":"*","Action":"sqs:SendMessage"}`
	for _, text := range []string{
		`{"Statement":[` + allow + `,` + deny + `]}`,
		`{"Statement":[` + deny + `,` + allow + `]}`,
	} {
		p := mustPolicy(t, text)
		if got := p.Evaluate(ask(web, "SendMessage")); got != Denied {
			t.Errorf("%s: SendMessage is %v, want Denied", text, got)
		}
		if got := p.Evaluate(ask(web, "ReceiveMessage")); got != Allowed {
			t.Errorf("%s: ReceiveMessage is %v, want Allowed", text, got)
		}
	}
}

func TestConditions(t *testing.T) {
	near := web
	near.Source, near.Secure = netip.MustParseAddr("::ffff:10.1.2.3"), true
	for _, row := range []struct {
		name, condition string
		by              Caller
		want            bool
	}{
		{"an address in a range", `"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}`, near, true},
		{"an address in one of two ranges", `"IpAddress":{"aws:SourceIp":["192.0.2.1","10.1.2.3"]}`, near, true},
		{"an address outside", `"IpAddress":{"aws:SourceIp":"10.0.0.0/16"}`, near, false},
		{"not in a range", `"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}`, near, false},
		{"an unknown address is in no range", `"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}`, web, false},
		{"keys in other case", `"IpAddress":{"AWS:sourceip":"10.1.2.3/32"}`, near, true},
		{"over TLS", `"Bool":{"aws:SecureTransport":"true"}`, near, true},
		{"not over TLS", `"Bool":{"aws:SecureTransport":true}`, web, false},
		{"without TLS, as asked", `"Bool":{"aws:SecureTransport":"False"}`, web, true},
		{"before a time", `"DateLessThan":{"aws:CurrentTime":"2026-11-20T12:00:01Z"}`, web, true},
		{"not before the same time", `"DateLessThan":{"aws:CurrentTime":"2026-11-20T12:00:00Z"}`, web, false},
		{"at the latest", `"DateLessThanEquals":{"aws:CurrentTime":"2026-11-20T12:00:00Z"}`, web, true},
		{"after a day's start", `"DateGreaterThan":{"aws:CurrentTime":"2026-11-20"}`, web, true},
		{"not after the same second", `"DateGreaterThan":{"aws:EpochTime":1795176000}`, web, false},
		{"from the second on", `"DateGreaterThanEquals":{"aws:EpochTime":"1795176000"}`, web, true},
		{"exactly then", `"DateEquals":{"aws:EpochTime":1795176000}`, web, true},
		{"not then", `"DateNotEquals":{"aws:EpochTime":1795176000}`, web, false},
		{"the caller's ARN", `"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::000000000000:user/web"}`, web, true},
		{"an ARN with wildcards", `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/w?b"}`, web, true},
		{"a wildcard stays in its part", `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam:*:*:*:*"}`, web, false},
		{"another ARN", `"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:root"}`, web, true},
		{"the name", `"StringEquals":{"aws:username":["bob","web"]}`, web, true},
		{"names differ in case", `"StringEquals":{"aws:username":"WEB"}`, web, false},
		{"unless told otherwise", `"StringEqualsIgnoreCase":{"aws:username":"WEB"}`, web, true},
		{"a name like", `"StringLike":{"aws:username":"w*"}`, web, true},
		{"none of the names", `"StringNotEquals":{"aws:username":["web","bob"]}`, web, false},
		{"the account", `"StringEquals":{"aws:PrincipalAccount":"000000000000"}`, web, true},
		{"a stranger has no account", `"StringEquals":{"aws:PrincipalAccount":"000000000000"}`, stranger, false},
		{"a stranger is not that account", `"StringNotEquals":{"aws:PrincipalAccount":"000000000000"}`, stranger, true},
		{"a stranger where it need not exist", `"StringEqualsIfExists":{"aws:PrincipalAccount":"000000000000"}`, stranger, true},
		{"the root has no user name", `"StringLike":{"aws:username":"*"}`, root, false},
		{"nothing has a source ARN", `"ArnLike":{"aws:SourceArn":"*"}`, web, false},
		{"a source ARN that is none", `"ArnEquals":{"aws:SourceArn":"orders"}`, web, false},
		{"unlike a source ARN that is none", `"ArnNotEquals":{"aws:SourceArn":"orders"}`, web, true},
		{"nor a source account", `"StringEquals":{"aws:SourceAccount":"000000000000"}`, web, false},
		{"two conditions, one fails", `"Bool":{"aws:SecureTransport":"true"},"StringLike":{"aws:username":"x*"}`, near, false},
		{"two keys of one operator, one fails", `"StringEquals":{"aws:username":"web","aws:PrincipalAccount":"1"}`, near, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			text := statementText(`"Effect":"Allow","Principal":"*","Action":"sqs:*","Condition":{` + row.condition + `}`)
			if got := mustPolicy(t, text).Evaluate(ask(row.by, "SendMessage")) == Allowed; got != row.want {
				t.Errorf("%s by %+v: allowed is %v, want %v", row.condition, row.by, got, row.want)
			}
		})
	}
}

const goodStatement = `"Effect":"Allow","Principal":"*","Action":"sqs:*"`

type policyRefusal struct {
	name, text string
	code       Code
	message    string // a part of what the client reads
}

func checkPolicyRefusals(t *testing.T, rows []policyRefusal) {
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			p, err := ParsePolicy(row.text)
			var refusal *Error
			if !errors.As(err, &refusal) || p != nil {
				t.Fatalf("ParsePolicy(%.200s): got %v, %v, want a refusal", row.text, p, err)
			}
			if refusal.Code != row.code || !strings.Contains(refusal.Message, row.message) {
				t.Errorf("ParsePolicy(%.200s): got code %d, %q; want code %d, …%s…", row.text, refusal.Code, refusal.Message, row.code, row.message)
			}
		})
	}
}

func TestParsePolicyRefuses(t *testing.T) {
	const good = goodStatement
	checkPolicyRefusals(t, []policyRefusal{
		{"no JSON", `nonsense`, CodeInvalidAttributeValue, "Invalid value for the parameter Policy."},
		{"a list", `[]`, CodeInvalidAttributeValue, ""},
		{"an empty object", `{}`, CodeInvalidAttributeValue, ""},
		{"a cut document", `{"Statement":[{` + good, CodeInvalidAttributeValue, ""},
		{"two documents", statementText(good) + `{}`, CodeInvalidAttributeValue, ""},
		{"bytes that are not text", statementText(good + `,"Sid":"` + "\xff" + `"`), CodeInvalidAttributeValue, ""},
		{"no statements", `{"Statement":[]}`, CodeInvalidAttributeValue, ""},
		{"a statement that is a text", `{"Statement":["Allow"]}`, CodeInvalidAttributeValue, ""},
		{"another version", `{"Version":"2020-01-01","Statement":{` + good + `}}`, CodeInvalidAttributeValue, ""},
		{"an unknown member", `{"Rules":[],"Statement":{` + good + `}}`, CodeInvalidAttributeValue, `"Rules"`},
		{"a member that repeats", statementText(good + `,"Effect":"Deny"`), CodeInvalidAttributeValue, ""},
		{"a name in other case", statementText(`"effect":"Allow","Principal":"*","Action":"sqs:*"`), CodeInvalidAttributeValue, `"effect"`},
		{"a label that repeats", `{"Statement":[{"Sid":"a",` + good + `},{"Sid":"a",` + good + `}]}`, CodeInvalidAttributeValue, ""},
		{"no effect", statementText(`"Principal":"*","Action":"sqs:*"`), CodeInvalidAttributeValue, ""},
		{"an effect in other case", statementText(`"Effect":"allow","Principal":"*","Action":"sqs:*"`), CodeInvalidAttributeValue, ""},
		{"no principal", statementText(`"Effect":"Allow","Action":"sqs:*"`), CodeInvalidAttributeValue, ""},
		{"principals by exception", statementText(`"Effect":"Allow","NotPrincipal":"*","Action":"sqs:*"`), CodeInvalidAttributeValue, `"NotPrincipal"`},
		{"a federated principal", statementText(`"Effect":"Allow","Principal":{"Federated":"x"},"Action":"sqs:*"`), CodeInvalidAttributeValue, `"Federated"`},
		{"a principal with a wildcard", statementText(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:user/*"},"Action":"sqs:*"`), CodeInvalidAttributeValue, ""},
		{"a principal of 11 digits", statementText(`"Effect":"Allow","Principal":{"AWS":"00000000000"},"Action":"sqs:*"`), CodeInvalidAttributeValue, ""},
		{"no action", statementText(`"Effect":"Allow","Principal":"*"`), CodeInvalidAttributeValue, ""},
		{"an empty list of actions", statementText(`"Effect":"Allow","Principal":"*","Action":[]`), CodeInvalidAttributeValue, ""},
		{"an unknown action", statementText(`"Effect":"Allow","Principal":"*","Action":"sqs:Nope"`), CodeInvalidAttributeValue, `"sqs:Nope"`},
		{"another service's action", statementText(`"Effect":"Allow","Principal":"*","Action":"sns:Publish"`), CodeInvalidAttributeValue, `"sns:Publish"`},
		{"Action and NotAction", statementText(good + `,"NotAction":"sqs:SendMessage"`), CodeInvalidAttributeValue, ""},
		{"resources by exception", statementText(good + `,"NotResource":"*"`), CodeInvalidAttributeValue, `"NotResource"`},
		{"an unknown operator", statementText(good + `,"Condition":{"NumericEquals":{"aws:EpochTime":"1"}}`), CodeInvalidAttributeValue, "NumericEquals"},
		{"a set operator", statementText(good + `,"Condition":{"ForAnyValue:StringEquals":{"aws:username":"x"}}`), CodeInvalidAttributeValue, "ForAnyValue:StringEquals"},
		{"an unknown key", statementText(good + `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}`), CodeInvalidAttributeValue, "aws:PrincipalOrgID"},
		{"a key of another kind", statementText(good + `,"Condition":{"IpAddress":{"aws:username":"10.0.0.1"}}`), CodeInvalidAttributeValue, "aws:username"},
		{"no address", statementText(good + `,"Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/33"}}`), CodeInvalidAttributeValue, ""},
		{"an IPv4 range in IPv6 clothes", statementText(good + `,"Condition":{"IpAddress":{"aws:SourceIp":"::ffff:10.0.0.0/104"}}`), CodeInvalidAttributeValue, ""},
		{"no time", statementText(good + `,"Condition":{"DateLessThan":{"aws:CurrentTime":"soon"}}`), CodeInvalidAttributeValue, ""},
		{"neither true nor false", statementText(good + `,"Condition":{"Bool":{"aws:SecureTransport":"yes"}}`), CodeInvalidAttributeValue, ""},
		{"an ARN operator and no ARN", statementText(good + `,"Condition":{"ArnLike":{"aws:PrincipalArn":"web"}}`), CodeInvalidAttributeValue, ""},
		{"an object as a value", statementText(good + `,"Condition":{"StringEquals":{"aws:username":{}}}`), CodeInvalidAttributeValue, ""},
		{"a policy variable", statementText(good + `,"Condition":{"StringEquals":{"aws:username":"${aws:userid}"}}`), CodeInvalidAttributeValue, "policy variable"},
	})
}

func TestPolicyLimits(t *testing.T) {
	const good = goodStatement
	many := func(n int, item func(i int) string) string {
		items := make([]string, n)
		for i := range items {
			items[i] = item(i)
		}
		return strings.Join(items, ",")
	}
	same := func(text string) func(int) string { return func(int) string { return text } }
	account := func(i int) string { return fmt.Sprintf(`"%012d"`, i) }
	checkPolicyRefusals(t, []policyRefusal{
		{"8 actions", statementText(`"Effect":"Allow","Principal":"*","Action":[` + many(8, same(`"sqs:*"`)) + `]`), CodeOverLimit, "8 Actions were found, maximum allowed is 7."},
		{"21 statements", `{"Statement":[` + many(21, same(`{`+good+`}`)) + `]}`, CodeOverLimit, "21 Statements were found, maximum allowed is 20."},
		{"51 principals", statementText(`"Effect":"Allow","Action":"sqs:*","Principal":{"AWS":[` + many(51, account) + `]}`), CodeOverLimit, "51 Principals were found, maximum allowed is 50."},
		{"11 conditions", `{"Statement":[` + many(11, same(`{`+good+`,"Condition":{"Bool":{"aws:SecureTransport":"true"}}}`)) + `]}`, CodeOverLimit, "11 Conditions were found, maximum allowed is 10."},
		{"8193 bytes", statementText(good + `,"Sid":"` + strings.Repeat("x", PolicyBytesMax) + `"`), CodeInvalidAttributeValue, "Invalid value for the parameter Policy."},
	})
}

func TestNoPolicyTextIsNoPolicy(t *testing.T) {
	p, err := ParsePolicy("")
	if p != nil || err != nil {
		t.Errorf("ParsePolicy of nothing: got %v, %v, want nil, nil", p, err)
	}
	if got := p.Evaluate(ask(root, "SendMessage")); got != NoMatch {
		t.Errorf("the nil policy says %v, want NoMatch", got)
	}
}

func TestWildcardMatch(t *testing.T) {
	for _, row := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"**", "ab", true}, {"?", "", false},
		{"a*c", "abbc", true}, {"a*c", "abcd", false}, {"*b*d", "abcbd", true}, {"a?c*", "abc", true}, {"a", "ab", false},
	} {
		if got := wildcardMatch(row.pattern, row.text, false); got != row.want {
			t.Errorf("wildcardMatch(%q, %q) = %v, want %v", row.pattern, row.text, got, row.want)
		}
	}
}

// FuzzParsePolicy holds that no text panics, and that what AddPermission adds RemovePermission takes away.
func FuzzParsePolicy(f *testing.F) {
	f.Add(statementText(`"Effect":"Allow","Principal":"*","Action":"sqs:*"`))
	f.Add(statementText(`"Sid":"a","Effect":"Deny","Principal":{"AWS":["1","*"]},"NotAction":["sqs:Send*"],"Resource":"*","Condition":{"Bool":{"aws:SecureTransport":false}}`))
	f.Add(`{"Statement":{"Condition":{"IpAddress":{"aws:SourceIp":["::/0",1]}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePolicy(text)
		if err != nil {
			return
		}
		p.Evaluate(ask(web, "SendMessage"))
		const label = "a-label-that-no-seed-has"
		more, err := AddPermission(text, testQueue, &AddPermissionInput{Label: label, Accounts: []string{testAccount}, Actions: []string{"*"}})
		if err != nil {
			return // over a limit
		}
		less, err := RemovePermission(more, label)
		if err != nil {
			t.Fatalf("RemovePermission(%s): %v", more, err)
		}
		if _, err := ParsePolicy(less); err != nil {
			t.Errorf("%s came back as %s: %v", text, less, err)
		}
	})
}
