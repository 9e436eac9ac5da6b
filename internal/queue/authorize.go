package queue

import (
	"fmt"
	"strings"
	"time"
)

// Request is a question to a policy: may this caller do this to that queue, now?
type Request struct {
	By       Caller
	Action   string    // the right that is needed, e.g. SendMessage; batch actions need that of their single action, Peek needs ReceiveMessage
	Resource string    // ARN of the queue; for ListQueues and other actions on no queue, an ARN with an empty name
	Account  string    // who owns the queue, 12 digits
	Now      time.Time // for conditions on the time
}

// right is an action as policies name it.
type right struct {
	name  string
	owner bool // never for other accounts, whatever a policy says
}

// rights are all the actions that a policy can be about. Batch actions have no right of their own.
var rights = [...]right{
	{"SendMessage", false},
	{"ReceiveMessage", false},
	{"DeleteMessage", false},
	{"ChangeMessageVisibility", false},
	{"GetQueueAttributes", false},
	{"GetQueueUrl", false},
	{"ListDeadLetterSourceQueues", false},
	{"PurgeQueue", false},
	{"AddPermission", true},
	{"CancelMessageMoveTask", true},
	{"CreateQueue", true},
	{"DeleteQueue", true},
	{"ListMessageMoveTasks", true},
	{"ListQueueTags", true},
	{"ListQueues", true},
	{"RemovePermission", true},
	{"SetQueueAttributes", true},
	{"StartMessageMoveTask", true},
	{"TagQueue", true},
	{"UntagQueue", true},
}

// rightNamed finds a right by its name, upper and lower case being one.
func rightNamed(name string) (right, bool) {
	for _, r := range rights {
		if strings.EqualFold(r.name, name) {
			return r, true
		}
	}
	return right{}, false
}

// Authorize decides whether r may go ahead; resource is the policy of the queue, nil for none. The answer is nil
// or an [*Error] with CodeAccessDenied.
//
//  1. A Deny that matches, in the queue's policy or in the key's grants, refuses.
//  2. The owner of the queue's account may do everything.
//  3. A key of that account may do what its grants allow.
//  4. Anybody may do what the queue's policy allows, except that other accounts and strangers never get the
//     rights that are the owner's alone.
//  5. Everything else is refused.
//
// The text of a refusal speaks of the queue's policy only to a caller whom the second or third line lets in. To all
// others it is the one that they get for a queue that does not exist, so that it does not tell which do.
//
// So that no one locks the door with the key inside, a Deny of the queue's policy does not keep the owner from
// GetQueueAttributes, SetQueueAttributes and RemovePermission. It does not allocate unless it refuses.
func Authorize(r Request, resource *Policy) error {
	own := r.By.Account != "" && r.By.Account == r.Account
	byQueue, byKey := resource.Evaluate(r), r.By.Grants.Evaluate(r)
	byIdentity := own && (r.By.Owner || byKey == Allowed)
	switch {
	case byKey == Denied:
		return refusal(r, "with an explicit deny in an identity-based policy")
	case byQueue == Denied && byIdentity && !(r.By.Owner && repairs(r.Action)):
		return refusal(r, "with an explicit deny in a resource-based policy")
	case byIdentity:
		return nil
	case byQueue == Allowed && (own || !ownersAlone(r.Action)):
		return nil
	case own:
		return refusal(r, "because no identity-based policy allows the sqs:"+strings.ToLower(r.Action)+" action")
	}
	return refusal(r, "because no resource-based policy allows the sqs:"+strings.ToLower(r.Action)+" action")
}

// repairs reports whether an action is one with which an owner mends a policy that denies too much.
func repairs(action string) bool {
	return action == "GetQueueAttributes" || action == "SetQueueAttributes" || action == "RemovePermission"
}

// ownersAlone reports whether other accounts can never have the right. Unknown rights are the owner's.
func ownersAlone(action string) bool {
	r, known := rightNamed(action)
	return !known || r.owner
}

func refusal(r Request, why string) *Error {
	err := Errorf(CodeAccessDenied, "Access to the resource %s is denied.", r.Resource)
	if r.By.Principal != "" {
		err.Message = fmt.Sprintf("User: %s is not authorized to perform: sqs:%s on resource: %s %s",
			r.By.Principal, strings.ToLower(r.Action), r.Resource, why)
	}
	err.Queue = r.Resource[strings.LastIndexByte(r.Resource, ':')+1:]
	return err
}

// GrantKind is what a grant lets a key do.
type GrantKind string

// The kinds. All of them include looking a queue up (GetQueueUrl) and reading its attributes.
const (
	GrantSend    GrantKind = "send"    // SendMessage
	GrantReceive GrantKind = "receive" // ReceiveMessage, DeleteMessage, ChangeMessageVisibility
	GrantFull    GrantKind = "full"    // every action
)

// Grant lets a key do something to some queues of its account.
type Grant struct {
	Kind   GrantKind `json:"kind"`
	Queues string    `json:"queues"` // pattern of queue names: * is any text, ? any character; 1 to NameLenMax characters
}

// GrantPolicy returns what the grants of a key amount to, nil for none. Errors name the grant that is wrong.
func GrantPolicy(grants []Grant) (*Policy, error) {
	if len(grants) == 0 {
		return nil, nil
	}
	p := &Policy{statements: make([]statement, 0, len(grants))}
	for _, g := range grants {
		s, err := g.statement()
		if err != nil {
			return nil, err
		}
		p.statements = append(p.statements, s)
	}
	return p, nil
}

func (g Grant) statement() (statement, error) {
	if g.Queues == "" || len(g.Queues) > NameLenMax || strings.Trim(g.Queues, nameAlphabet+".*?") != "" {
		return statement{}, fmt.Errorf("%q is not a pattern of queue names: letters, digits, - _ . and the wildcards * and ?, at most %d", g.Queues, NameLenMax)
	}
	s := statement{resources: []string{"arn:*:sqs:*:*:" + g.Queues}}
	switch g.Kind {
	case GrantSend:
		s.actions = []string{"sendmessage", "getqueueurl", "getqueueattributes"}
	case GrantReceive:
		s.actions = []string{"receivemessage", "deletemessage", "changemessagevisibility", "getqueueurl", "getqueueattributes"}
	case GrantFull:
		s.actions = []string{"*"}
	default:
		return statement{}, fmt.Errorf("%q is no kind of grant: use %s, %s or %s", g.Kind, GrantSend, GrantReceive, GrantFull)
	}
	return s, nil
}

// nameAlphabet is what labels, entry ids and queue names (but for a FIFO queue's dot) are made of.
const nameAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
