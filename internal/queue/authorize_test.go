package queue

import (
	"errors"
	"testing"
)

const anyText = "any"

type authorizeRow struct {
	name   string
	by     Caller
	action string
	policy string
	want   string // the refusal's text, or anyText; empty: authorized
}

func checkAuthorize(t *testing.T, rows []authorizeRow) {
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			err := Authorize(ask(row.by, row.action), mustPolicy(t, row.policy))
			if row.want == "" {
				if err != nil {
					t.Errorf("got %v, want it authorized", err)
				}
				return
			}
			var refusal *Error
			if !errors.As(err, &refusal) || refusal.Code != CodeAccessDenied {
				t.Fatalf("got %v, want AccessDenied", err)
			}
			if row.want != anyText && refusal.Message != row.want {
				t.Errorf("got  %s\nwant %s", refusal.Message, row.want)
			}
		})
	}
}

// key is web with grants.
func key(t *testing.T, grants ...Grant) Caller {
	t.Helper()
	by := web
	p, err := GrantPolicy(grants)
	if err != nil {
		t.Fatal(err)
	}
	by.Grants = p
	return by
}

func TestAuthorizeByKey(t *testing.T) {
	elsewhere := key(t, Grant{GrantFull, "*"})
	elsewhere.Account, elsewhere.Principal = partner.Account, partner.Principal
	const (
		noKeyRight   = "User: arn:aws:iam::000000000000:user/web is not authorized to perform: sqs:sendmessage on resource: " + testQueue + " because no identity-based policy allows the sqs:sendmessage action"
		noQueueRight = "User: arn:aws:iam::111122223333:user/partner is not authorized to perform: sqs:sendmessage on resource: " + testQueue + " because no resource-based policy allows the sqs:sendmessage action"
	)
	checkAuthorize(t, []authorizeRow{
		{"the root may do everything", root, "DeleteQueue", "", ""},
		{"a stranger nothing", stranger, "SendMessage", "", "Access to the resource " + testQueue + " is denied."},
		{"nor the root of another account", foreign, "SendMessage", "", anyText},
		{"nor a key of another account", partner, "SendMessage", "", noQueueRight},
		{"nor one that may do everything at home", elsewhere, "SendMessage", "", noQueueRight},
		{"a key without grants nothing", web, "SendMessage", "", noKeyRight},
		{"a sender sends", key(t, Grant{GrantSend, "ord*"}), "SendMessage", "", ""},
		{"and looks the queue up", key(t, Grant{GrantSend, "ord*"}), "GetQueueUrl", "", ""},
		{"and does not receive", key(t, Grant{GrantSend, "ord*"}), "ReceiveMessage", "", anyText},
		{"nor sends to other queues", key(t, Grant{GrantSend, "in-*"}), "SendMessage", "", noKeyRight},
		{"names are matched as a whole", key(t, Grant{GrantSend, "order"}), "SendMessage", "", noKeyRight},
		{"and with their case", key(t, Grant{GrantSend, "Orders"}), "SendMessage", "", noKeyRight},
		{"a receiver receives", key(t, Grant{GrantSend, "in-*"}, Grant{GrantReceive, "orders"}), "ReceiveMessage", "", ""},
		{"and deletes", key(t, Grant{GrantReceive, "orders"}), "DeleteMessage", "", ""},
		{"and changes timeouts", key(t, Grant{GrantReceive, "orders"}), "ChangeMessageVisibility", "", ""},
		{"and does not purge", key(t, Grant{GrantReceive, "orders"}), "PurgeQueue", "", anyText},
		{"full access is everything", key(t, Grant{GrantFull, "*"}), "DeleteQueue", "", ""},
	})
}

func TestAuthorizeByQueuePolicy(t *testing.T) {
	allowAll := statementText(`"Effect":"Allow","Principal":"*","Action":"sqs:*"`)
	denyAll := statementText(`"Effect":"Deny","Principal":"*","Action":"sqs:*"`)
	checkAuthorize(t, []authorizeRow{
		{"an open queue takes from strangers", stranger, "SendMessage", allowAll, ""},
		{"and from keys without grants", web, "SendMessage", allowAll, ""},
		{"and from other accounts", partner, "SendMessage", allowAll, ""},
		{"but is never deleted by them", partner, "DeleteQueue", allowAll, anyText},
		{"nor by their root", foreign, "SetQueueAttributes", allowAll, anyText},
		{"nor has its policy changed by strangers", stranger, "AddPermission", allowAll, anyText},
		{"nor its messages moved", partner, "StartMessageMoveTask", allowAll, anyText},
		{"nor anything that is not known", partner, "FormatDisk", allowAll, anyText},
		{"a Deny of the queue outweighs a grant", key(t, Grant{GrantFull, "*"}), "SendMessage", denyAll,
			"User: arn:aws:iam::000000000000:user/web is not authorized to perform: sqs:sendmessage on resource: " + testQueue + " with an explicit deny in a resource-based policy"},
		{"and the root", root, "SendMessage", denyAll, anyText},
		{"and the root's purge", root, "PurgeQueue", denyAll, anyText},
		{"but the root can see the policy", root, "GetQueueAttributes", denyAll, ""},
		{"and replace it", root, "SetQueueAttributes", denyAll, ""},
		{"and remove the statement", root, "RemovePermission", denyAll, ""},
		{"which the root of another account cannot", foreign, "SetQueueAttributes", denyAll, anyText},
	})
}

// TestS15NobodyReachesAnothersQueueUnasked goes through every right, every kind of caller and a queue without
// a policy: only the owner and the keys with grants of the queue's own account get in.
func TestS15NobodyReachesAnothersQueueUnasked(t *testing.T) {
	full, err := GrantPolicy([]Grant{{GrantFull, "*"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rights {
		for _, by := range []Caller{stranger, root, web, partner, foreign} {
			for _, grants := range []*Policy{nil, full} {
				by.Grants = grants
				want := by.Account == testAccount && (by.Owner || grants != nil)
				if got := Authorize(ask(by, r.name), nil) == nil; got != want {
					t.Errorf("%s by %q, grants %v: authorized is %v, want %v", r.name, by.Principal, grants != nil, got, want)
				}
			}
		}
	}
}

func TestGrantsAreChecked(t *testing.T) {
	for _, g := range []Grant{
		{GrantSend, ""}, {GrantSend, "a b"}, {GrantSend, "a:b"}, {GrantSend, "a/b"}, {"", "a"}, {"purge", "a"},
		{GrantSend, "a2345678901234567890123456789012345678901234567890123456789012345678901234567890x"},
	} {
		if p, err := GrantPolicy([]Grant{g}); err == nil || p != nil {
			t.Errorf("GrantPolicy(%+v) = %v, %v, want an error", g, p, err)
		}
	}
}

func TestTheOrdinaryDecisionDoesNotAllocate(t *testing.T) {
	r := ask(root, "SendMessage")
	p := mustPolicy(t, statementText(`"Effect":"Deny","Principal":{"AWS":"111122223333"},"Action":["sqs:Send*"],"Condition":{"StringLike":{"aws:username":"x*"},"DateLessThan":{"aws:EpochTime":1}}`))
	for name, policy := range map[string]*Policy{"no policy": nil, "a policy": p} {
		if n := testing.AllocsPerRun(100, func() { _ = Authorize(r, policy) }); n != 0 {
			t.Errorf("with %s: %v allocations, want none", name, n)
		}
	}
}

func BenchmarkAuthorize(b *testing.B) {
	r := ask(root, "SendMessage")
	b.ReportAllocs()
	for b.Loop() {
		_ = Authorize(r, nil)
	}
}
