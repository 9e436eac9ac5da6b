package queue

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"
)

const arnPrefix = "arn:aws:sqs:" + testRegion + ":" + testAccount + ":"

// userKey is a key of the server's account, as it calls from an address of the house.
func userKey(t testing.TB, name string, grants ...Grant) Caller {
	t.Helper()
	p, err := GrantPolicy(grants)
	if err != nil {
		t.Fatal(err)
	}
	by := web
	by.Principal, by.ID, by.Grants = "arn:aws:iam::"+testAccount+":user/"+name, name, p
	by.Source = netip.MustParseAddr("192.0.2.7")
	return by
}

// do steps a control action as a caller.
func (w *world) do(by Caller, in any) error {
	_, err := w.step(&Control{By: by, In: in})
	return err
}

// must is do for what has to succeed.
func (w *world) must(by Caller, in any) {
	w.t.Helper()
	if err := w.do(by, in); err != nil {
		w.t.Fatalf("%T by %s: %v", in, by.Principal, err)
	}
}

func redriveTo(name string) map[string]string {
	return map[string]string{"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":"%s","maxReceiveCount":1}`, arnPrefix+name)}
}

func create(name string, attributes map[string]string) *CreateQueueInput {
	return &CreateQueueInput{Name: name, Attributes: attributes}
}

func set(name string, attributes map[string]string) *SetQueueAttributesInput {
	return &SetQueueAttributesInput{Queue: Ref{Name: name}, Attributes: attributes}
}

// policyOf is the attribute Policy with these statements, without their braces.
func policyOf(statements string) map[string]string {
	return map[string]string{"Policy": `{"Statement":[` + statements + `]}`}
}

func deny(principal, action string) map[string]string {
	return policyOf(`{"Effect":"Deny","Principal":` + principal + `,"Action":"` + action + `"}`)
}

// post sends a text as the owner.
func (w *world) post(name, text string) {
	w.t.Helper()
	w.mustStep(&Send{By: w.by, Queue: Ref{Name: name}, Entries: []Prepared{Prepare(w.by, "", &Draft{Body: []byte(text)})}})
}

// fetch receives one message as the owner, without hiding it, and returns its text; empty when there was none.
func (w *world) fetch(name string) string {
	w.t.Helper()
	in := &ReceiveMessageInput{Queue: Ref{Name: name}, Visibility: IntOf(0)}
	received := w.mustStep(&Receive{By: w.by, In: in}).(*Received)
	if len(received.Deliveries) == 0 {
		return ""
	}
	return string(w.disk.queues[received.Queue].messages[received.Deliveries[0].Seq].Body)
}

// count is how many messages a queue has.
func (w *world) count(name string) int64 { return w.c.byName[name].live }

func TestNamingAQueueTakesTheRightToSendThere(t *testing.T) {
	denied := policyOf(`{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::` + testAccount + `:user/web"},"Action":"sqs:SendMessage"}`)
	full := Grant{GrantFull, "a-*"}
	for _, row := range []struct {
		name   string
		grants []Grant
		policy map[string]string // of b
		want   Code              // zero: let through
	}{
		{"without a right to b", []Grant{full}, nil, CodeAccessDenied},
		{"with a right to receive from b", []Grant{full, {GrantReceive, "b"}}, nil, CodeAccessDenied},
		{"with a right to send to b", []Grant{full, {GrantSend, "b"}}, nil, 0},
		{"with that, and a Deny on b", []Grant{full, {GrantSend, "b"}}, denied, CodeAccessDenied},
		{"with a Deny for everybody on b", []Grant{full, {GrantFull, "b"}}, deny(`"*"`, "sqs:Send*"), CodeAccessDenied},
		{"where b lets the key in", []Grant{full}, policyOf(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + testAccount + `:user/web"},"Action":"sqs:SendMessage"}`), 0},
	} {
		for what, in := range map[string]any{
			"CreateQueue":           create("a-new", redriveTo("b")),
			"SetQueueAttributes":    set("a-old", redriveTo("b")),
			"a move task to b":      &StartMessageMoveTaskInput{SourceARN: arnPrefix + "a-dead", DestinationARN: arnPrefix + "b"},
			"a move task back to b": &StartMessageMoveTaskInput{SourceARN: arnPrefix + "a-dead-of-b"},
		} {
			t.Run(row.name+", "+what, func(t *testing.T) {
				w := newWorld(t, Options{})
				by := userKey(t, "web", row.grants...)
				w.must(w.by, create("a-dead-of-b", nil))
				w.must(w.by, create("b", redriveTo("a-dead-of-b")))
				w.must(w.by, create("a-dead", nil))
				w.must(w.by, create("a-old", redriveTo("a-dead")))
				if row.policy != nil {
					w.must(w.by, set("b", row.policy))
				}
				checkRefusal(t, what, w.do(by, in), row.want, "")
			})
		}
	}
}

// redriveRow is a RedrivePolicy of a to b, and what happened since it was set.
type redriveRow struct {
	name  string
	by    Caller       // who has set it
	later func(*world) // nil: nothing happened
	moves bool
}

func redriveRows(t *testing.T) []redriveRow {
	setter := userKey(t, "web", Grant{GrantFull, "a"}, Grant{GrantSend, "b"})
	less := userKey(t, "web", Grant{GrantFull, "a"})
	standings := func(list ...Caller) func(*world) {
		return func(w *world) {
			all := []Standing{}
			for _, by := range list {
				all = append(all, Standing{Caller: by, IDs: []string{by.ID}})
			}
			w.c.SetStandings(all)
		}
	}
	then := func(in any) func(*world) { return func(w *world) { w.must(w.by, in) } }
	toAddress := policyOf(`{"Effect":"Deny","Principal":"*","Action":"sqs:SendMessage","Condition":{"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}`)
	notFrom := policyOf(`{"Effect":"Deny","Principal":"*","Action":"sqs:SendMessage","Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}`)
	root := newWorld(t, Options{}).by
	inside := root
	inside.Inside = true
	return []redriveRow{
		{"nothing has changed", setter, nil, true},
		{"and the key is known", setter, standings(setter), true},
		{"a Deny of the key", setter, then(set("b", deny(`{"AWS":"`+setter.Principal+`"}`, "sqs:SendMessage"))), false},
		{"a Deny of everybody", setter, then(set("b", deny(`"*"`, "sqs:*"))), false},
		{"a Deny of the account", setter, then(set("b", deny(`{"AWS":"`+testAccount+`"}`, "sqs:*"))), false},
		{"a Deny of another key", setter, then(set("b", deny(`{"AWS":"arn:aws:iam::`+testAccount+`:user/other"}`, "sqs:*"))), true},
		{"a Deny of everything but sending", setter, then(set("b", deny(`"*"`, "sqs:ReceiveMessage"))), true},
		{"the key may less now", setter, standings(less), false},
		{"the key is disabled or deleted", setter, standings(root), false},
		{"the key has expired", setter, func(w *world) { w.c.SetStandings([]Standing{{Caller: setter}}) }, true},
		{"the key is gone, and everybody may send", setter, func(w *world) {
			standings(root)(w)
			w.must(w.by, set("b", policyOf(`{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage"}`)))
		}, true},
		{"root has set it up, and a Deny follows", root, then(set("b", deny(`"*"`, "sqs:SendMessage"))), false},
		{"root has set it up, and its key is gone", root, standings(), true},
		{"the address from which it was set up is let in", setter, then(set("b", toAddress)), true},
		{"the address from which it was set up is denied", setter, then(set("b", notFrom)), false},
		{"the server itself has set it up, for which an address means nothing", inside, then(set("b", notFrom)), true},
		{"a version before this has set it up", setter, func(w *world) {
			cfg := *w.c.byName["a"].cfg
			cfg.RedriveBy = nil
			w.c.byName["a"].cfg = &cfg
			standings()(w)
		}, true},
		{"a version before this has set it up, and a Deny follows", setter, func(w *world) {
			cfg := *w.c.byName["a"].cfg
			cfg.RedriveBy = nil
			w.c.byName["a"].cfg = &cfg
			w.must(w.by, set("b", deny(`"*"`, "sqs:*")))
		}, false},
		{"it is set up anew by who may", setter, func(w *world) {
			standings(less)(w)
			w.must(w.by, set("a", redriveTo("b")))
		}, true},
		{"other attributes set by who may not change nothing", setter, func(w *world) {
			w.must(less, set("a", map[string]string{"VisibilityTimeout": "7"}))
			standings(setter)(w)
		}, true},
		{"the server has started anew", setter, func(w *world) { w.restart(); standings(less)(w) }, false},
	}
}

// TestDeadLettersFollowTheRightsOfWhoSetThemUp: the right to send to the dead-letter queue is asked at every move, of
// whoever has set the RedrivePolicy. What may not move stays where it is and goes on being delivered.
func TestDeadLettersFollowTheRightsOfWhoSetThemUp(t *testing.T) {
	for _, row := range redriveRows(t) {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, Options{})
			w.must(w.by, create("b", nil))
			w.must(row.by, create("a", redriveTo("b")))
			w.post("a", "poison")
			if got := w.fetch("a"); got != "poison" {
				t.Fatalf("the first receive got %q", got)
			}
			if row.later != nil {
				row.later(w)
			}
			wantA, wantB := "poison", ""
			if row.moves {
				wantA, wantB = wantB, wantA
			}
			for range 2 {
				if got := w.fetch("a"); got != wantA {
					t.Errorf("received %q from a, want %q", got, wantA)
				}
			}
			if total := w.count("a") + w.count("b"); total != 1 {
				t.Errorf("there are %d messages in both queues, want the one", total)
			}
			if withheld := w.c.byName["a"].counters.Withheld; (withheld == 2) == row.moves {
				t.Errorf("%d receives are counted as withheld; moves is %v", withheld, row.moves)
			}
			w.must(w.by, set("b", map[string]string{"Policy": ""}))
			if got := w.fetch("b"); got != wantB {
				t.Errorf("received %q from b, want %q", got, wantB)
			}
			w.verify()
		})
	}
}

// TestAMoveTaskStopsWithTheRightsOfWhoStartedIt: messages that may not move stay in the source.
func TestAMoveTaskStopsWithTheRightsOfWhoStartedIt(t *testing.T) {
	starter := userKey(t, "web", Grant{GrantFull, "a*"}, Grant{GrantSend, "b"})
	for _, row := range []struct {
		name  string
		later func(*world)
		moved int64
	}{
		{"nothing has changed", nil, 3},
		{"a Deny on the destination", func(w *world) { w.must(w.by, set("b", deny(`"*"`, "sqs:SendMessage"))) }, 1},
		{"a Deny to receive from the source", func(w *world) { w.must(w.by, set("a", deny(`"*"`, "sqs:ReceiveMessage"))) }, 1},
		{"the key is gone", func(w *world) { w.c.SetStandings([]Standing{}) }, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, Options{})
			w.must(w.by, create("a", nil))
			w.must(w.by, create("a-source", redriveTo("a")))
			w.must(w.by, create("b", nil))
			for i := range 3 {
				w.post("a", fmt.Sprint(i))
			}
			w.must(starter, &StartMessageMoveTaskInput{SourceARN: arnPrefix + "a", DestinationARN: arnPrefix + "b", Rate: IntOf(1)})
			w.advance(500 * time.Millisecond)
			if row.later != nil {
				row.later(w)
			}
			w.advance(time.Minute)
			if w.count("b") != row.moved || w.count("a") != 3-row.moved {
				t.Errorf("%d messages have moved and %d stayed, want %d and %d", w.count("b"), w.count("a"), row.moved, 3-row.moved)
			}
			last := w.c.byName["a"].tasks[0]
			if failed := last.Status == MoveFailed && last.FailureReason == "AccessDenied"; failed == (row.moved == 3) {
				t.Errorf("the task has ended %s for %q", last.Status, last.FailureReason)
			}
			w.verify()
		})
	}
}

func TestAMoveTaskTakesTheRightsToReceiveAndDelete(t *testing.T) {
	for _, action := range []string{"ReceiveMessage", "DeleteMessage"} {
		w := newWorld(t, Options{})
		by := userKey(t, "web", Grant{GrantFull, "a*"})
		w.must(w.by, create("a", deny(`"*"`, "sqs:"+action)))
		w.must(w.by, create("a-source", redriveTo("a")))
		w.must(w.by, create("a-else", nil))
		err := w.do(by, &StartMessageMoveTaskInput{SourceARN: arnPrefix + "a", DestinationARN: arnPrefix + "a-else"})
		checkRefusal(t, action, err, CodeAccessDenied, "explicit deny")
	}
}

// TestWhoMayChangeAPolicyGivesOnlyWhatItHas goes through the ways to change a policy.
func TestWhoMayChangeAPolicyGivesOnlyWhatItHas(t *testing.T) {
	const me = `{"AWS":"arn:aws:iam::` + testAccount + `:user/web"}`
	allow := func(principal, action string) string {
		return `{"Effect":"Allow","Principal":` + principal + `,"Action":"` + action + `"}`
	}
	keeper := allow(me, "sqs:SetQueueAttributes") + "," + `{"Sid":"rest","Effect":"Allow","Principal":` + me + `,"Action":["sqs:AddPermission","sqs:RemovePermission","sqs:SendMessage"]}`
	full := []Grant{{GrantFull, "q"}}
	locked := `{"Sid":"lock","Effect":"Deny","Principal":"*","Action":"sqs:ReceiveMessage"}`
	for _, row := range []struct {
		name   string
		grants []Grant
		policy string // statements of q
		in     any
		want   Code
	}{
		{"a right of one's own can be given to all", nil, keeper, set("q", policyOf(keeper+","+allow(`"*"`, "sqs:SendMessage"))), 0},
		{"another cannot", nil, keeper, set("q", policyOf(keeper+","+allow(`"*"`, "sqs:ReceiveMessage"))), CodeAccessDenied},
		{"nor be given to oneself", nil, keeper, set("q", policyOf(keeper+","+allow(me, "sqs:PurgeQueue"))), CodeAccessDenied},
		{"nor by a wildcard", nil, keeper, set("q", policyOf(keeper+","+allow(`"*"`, "sqs:*"))), CodeAccessDenied},
		{"nor by AddPermission", nil, keeper, &AddPermissionInput{Queue: Ref{Name: "q"}, Label: "x", Accounts: []string{"111122223333"}, Actions: []string{"ReceiveMessage"}}, CodeAccessDenied},
		{"which gives what one has", nil, keeper, &AddPermissionInput{Queue: Ref{Name: "q"}, Label: "x", Accounts: []string{"111122223333"}, Actions: []string{"SendMessage"}}, 0},
		{"what others have can be taken away", nil, keeper + "," + allow(`"*"`, "sqs:ReceiveMessage"), set("q", policyOf(keeper)), 0},
		{"a Deny of what one has no right to stays", full, locked, set("q", map[string]string{"Policy": ""}), CodeAccessDenied},
		{"also against RemovePermission", full, locked, &RemovePermissionInput{Queue: Ref{Name: "q"}, Label: "lock"}, CodeAccessDenied},
		{"and cannot be weakened", full, locked, set("q", deny(me, "sqs:DeleteQueue")), CodeAccessDenied},
		{"nor deleted with the queue", full, locked, &DeleteQueueInput{Queue: Ref{Name: "q"}}, CodeAccessDenied},
		{"nor when it keeps one from purging", full, `{"Effect":"Deny","Principal":"*","Action":"sqs:PurgeQueue"}`, &DeleteQueueInput{Queue: Ref{Name: "q"}}, CodeAccessDenied},
		{"one can add to what is denied", full, locked, set("q", policyOf(locked+`,{"Effect":"Deny","Principal":"*","Action":"sqs:SendMessage"}`)), 0},
		{"other attributes can be changed meanwhile", full, locked, set("q", map[string]string{"VisibilityTimeout": "7"}), 0},
		{"a queue without a Deny can be deleted", full, allow(`"*"`, "sqs:ReceiveMessage"), &DeleteQueueInput{Queue: Ref{Name: "q"}}, 0},
		{"a key with every right changes everything", full, allow(`"*"`, "sqs:SendMessage"), set("q", policyOf(allow(`"*"`, "sqs:*"))), 0},
		{"in a new queue too", []Grant{{GrantFull, "new"}}, keeper, create("new", policyOf(allow(`"*"`, "sqs:*"))), 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, Options{})
			w.must(w.by, create("q", policyOf(row.policy)))
			before := w.c.byName["q"].cfg
			err := w.do(userKey(t, "web", row.grants...), row.in)
			checkRefusal(t, row.name, err, row.want, "")
			if q := w.c.byName["q"]; err != nil && (q == nil || q.cfg != before) {
				t.Error("the refused change has changed the queue")
			}
		})
	}
}

func TestAnOwnerLocksItselfOutOfNothing(t *testing.T) {
	w := newWorld(t, Options{})
	for _, in := range []any{
		create("q", deny(`"*"`, "sqs:ReceiveMessage")),
		set("q", policyOf(`{"Effect":"Allow","Principal":"*","Action":"sqs:*"}`)),
		set("q", deny(`"*"`, "sqs:*")),
		set("q", map[string]string{"Policy": ""}),
		set("q", deny(`"*"`, "sqs:PurgeQueue")),
		&DeleteQueueInput{Queue: Ref{Name: "q"}},
	} {
		w.must(w.by, in)
	}
}

// TestRefusalsDoNotTellWhichQueuesExist asks everything about a queue that exists and one that does not, with as many
// kinds of callers without the right as there are: the answers are the same but for the name.
func TestRefusalsDoNotTellWhichQueuesExist(t *testing.T) {
	w := newWorld(t, Options{})
	w.must(w.by, create("b-there", deny(`"*"`, "sqs:PurgeQueue")))
	w.must(w.by, create("b-user", redriveTo("b-there")))
	w.must(w.by, create("b-there.fifo", map[string]string{"FifoQueue": "true"}))
	w.must(w.by, create("a", nil))
	for what, in := range w.questions("b-there") {
		if what == "DeleteQueue" {
			continue
		}
		if _, err := w.step(in(w.by)); err != nil {
			if e, ok := errors.AsType[*Error](err); !ok || e.Code == CodeQueueDoesNotExist {
				t.Fatalf("%s by the owner: %v, so it asks about no queue that is there", what, err)
			}
		}
	}
	callers := map[string]Caller{
		"a stranger": stranger, "another account": partner, "its root": foreign,
		"a key without grants": userKey(t, "web"), "a key for a": userKey(t, "web", Grant{GrantFull, "a"}),
		"a key of another account that may do everything there": func() Caller {
			by := partner
			by.Grants = userKey(t, "x", Grant{GrantFull, "*"}).Grants
			return by
		}(),
	}
	for who, by := range callers {
		for _, pair := range [][2]string{{"b-there", "b-none"}, {"b-there.fifo", "b-none.fifo"}} {
			there, none := w.questions(pair[0]), w.questions(pair[1])
			for what := range there {
				_, one := w.step(there[what](by))
				_, two := w.step(none[what](by))
				if one == nil || two == nil {
					t.Errorf("%s by %s: got %v and %v, want refusals", what, who, one, two)
					continue
				}
				a, b := one.(*Error), two.(*Error)
				if a.Code != b.Code || a.Message != strings.ReplaceAll(b.Message, pair[1], pair[0]) {
					t.Errorf("%s by %s: for a queue that exists\n  %d %s\nfor one that does not\n  %d %s", what, who, a.Code, a.Message, b.Code, b.Message)
				}
			}
		}
	}
}

// questions are commands of every action that are about the queue of a name, or name it on the way.
func (w *world) questions(name string) map[string]func(Caller) Command {
	ref, arn := Ref{Name: name}, arnPrefix+name
	control := func(in any) func(Caller) Command {
		return func(by Caller) Command { return &Control{By: by, In: in} }
	}
	fifo := map[string]string{}
	if IsFIFOName(name) {
		fifo["FifoQueue"] = "true"
	}
	different := maps.Clone(fifo)
	different["VisibilityTimeout"] = "11"
	redrive := redriveTo(name)
	return map[string]func(Caller) Command{
		"CreateQueue":           control(create(name, fifo)),
		"CreateQueue, another":  control(create(name, different)),
		"CreateQueue, its dlq":  control(create("a-new", redrive)),
		"DeleteQueue":           control(&DeleteQueueInput{Queue: ref}),
		"GetQueueUrl":           control(&GetQueueURLInput{Name: name}),
		"GetQueueUrl, owner":    control(&GetQueueURLInput{Name: name, OwnerAccount: testAccount}),
		"GetQueueAttributes":    control(&GetQueueAttributesInput{Queue: ref, Names: []string{"All"}}),
		"SetQueueAttributes":    control(set(name, map[string]string{"VisibilityTimeout": "7"})),
		"SetQueueAttributes, 0": control(set(name, nil)),
		"RedrivePolicy of a":    control(set("a", redrive)),
		"PurgeQueue":            control(&PurgeQueueInput{Queue: ref}),
		"TagQueue":              control(&TagQueueInput{Queue: ref, Tags: map[string]string{"k": "v"}}),
		"UntagQueue":            control(&UntagQueueInput{Queue: ref}),
		"ListQueueTags":         control(&ListQueueTagsInput{Queue: ref}),
		"ListDeadLetterSources": control(&ListDeadLetterSourceQueuesInput{Queue: ref}),
		"AddPermission":         control(&AddPermissionInput{Queue: ref}),
		"RemovePermission":      control(&RemovePermissionInput{Queue: ref, Label: "x"}),
		"StartMessageMoveTask":  control(&StartMessageMoveTaskInput{SourceARN: arn}),
		"ListMessageMoveTasks":  control(&ListMessageMoveTasksInput{SourceARN: arn}),
		"CancelMessageMoveTask": control(&CancelMessageMoveTaskInput{TaskHandle: sealMoveHandle("x", arn)}),
		"SendMessage": func(by Caller) Command {
			return &Send{By: by, Queue: ref, Entries: []Prepared{Prepare(by, "", &Draft{})}}
		},
		"SendMessageBatch": func(by Caller) Command { return &Send{By: by, Queue: ref, Batch: true, Invalid: MissingParameter("x")} },
		"ReceiveMessage":   func(by Caller) Command { return &Receive{By: by, In: &ReceiveMessageInput{Queue: ref}} },
		"DeleteMessage":    func(by Caller) Command { return &Delete{By: by, Queue: ref, Entries: []HeldReceipt{{}}} },
		"ChangeVisibility": func(by Caller) Command { return &ChangeVisibility{By: by, Queue: ref, Entries: []HeldReceipt{{}}} },
		"Peek":             func(by Caller) Command { return &Locate{By: by, Queue: ref} },
	}
}

func TestListsOfSourcesShowWhatTheCallerMaySee(t *testing.T) {
	w := newWorld(t, Options{})
	w.must(w.by, create("dead", nil))
	for _, name := range []string{"a-1", "b-1"} {
		w.must(w.by, create(name, redriveTo("dead")))
	}
	list := func(by Caller) []Ref {
		out := w.mustStep(&Control{By: by, In: &ListDeadLetterSourceQueuesInput{Queue: Ref{Name: "dead"}}}).(*ListQueuesOutput)
		return out.Queues
	}
	if got := list(w.by); len(got) != 2 {
		t.Errorf("the owner sees %v, want both", got)
	}
	if got := list(userKey(t, "web", Grant{GrantFull, "dead"}, Grant{GrantSend, "a-*"})); len(got) != 1 || got[0].Name != "a-1" {
		t.Errorf("a key for a-* sees %v, want a-1", got)
	}
}
