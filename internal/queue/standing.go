package queue

import (
	"net/netip"
	"time"
)

// Setter is who has set something up by which messages move later, on their own: a RedrivePolicy, or a move task. It
// is kept with that, so that the rights of whoever it was are asked again each time that a message moves.
type Setter struct {
	Account   string
	Principal string
	Source    netip.Addr `json:",omitzero"` // where the request came from
	Secure    bool       `json:",omitempty"`
	Inside    bool       `json:",omitempty"` // the server itself, see [Caller]
}

func setterOf(by *Caller) *Setter {
	return &Setter{Account: by.Account, Principal: by.Principal, Source: by.Source, Secure: by.Secure, Inside: by.Inside}
}

// Standing is a key as it stands now.
type Standing struct {
	Caller          // without Source, Secure and Inside
	IDs    []string // with which it may call; none: it has expired, and what it has set up goes on
}

// SetStandings tells the machine which keys there are. Keys that are disabled are left out: what they have set up
// moves nothing any more. A nil list means that the keys are not known here: then every caller is taken as it came,
// and who has set something up is taken for somebody whose own rights have not changed. That is what a new Catalog
// begins with. Nothing of this is durable.
func (c *Catalog) SetStandings(list []Standing) {
	c.standings, c.callers = nil, nil
	if list == nil {
		return
	}
	c.standings, c.callers = make(map[string]*Standing, len(list)), make(map[string]*Standing, len(list))
	for i := range list {
		s := &list[i]
		c.standings[s.Principal] = s
		for _, id := range s.IDs {
			c.callers[id] = s
		}
	}
}

// Recheck asks anew whether a receive that waits may go on waiting: its key may have been taken away, or a policy may
// have changed. It brings the caller's rights up to date. An error is the one to answer.
func (c *Catalog) Recheck(cmd *Receive, now time.Time) error {
	by := &cmd.By
	if c.callers != nil && by.Principal != "" && !by.Inside {
		s := c.callers[by.ID]
		if s == nil {
			return Errorf(CodeUnrecognizedClient, "The security token included in the request is invalid.")
		}
		by.Grants, by.Owner = s.Grants, s.Owner
	}
	_, err := c.find(by, cmd.In.Queue, "ReceiveMessage", ToMillis(now))
	return err
}

// May reports for each of the names whether the caller may do the action on the queue of that name. What it says of a
// name does not depend on whether there is such a queue, unless that queue's policy lets the caller in.
func (c *Catalog) May(by Caller, action string, names []string, now time.Time) []bool {
	may := make([]bool, len(names))
	for i, name := range names {
		err := c.authorizeNamed(&by, action, name, ToMillis(now))
		may[i] = err == nil && (c.byName[name] != nil || CheckName(name, IsFIFOName(name)) == nil)
	}
	return may
}

// standing is a caller with the rights that who has set something up has now.
//
// The root of the account is no key: what it has set up stands whichever keys there are, as does what a version before
// this was kept has left. A key that is gone has no rights of its own; it may still do what a policy allows to all.
func (c *Catalog) standing(who *Setter) Caller {
	root := "arn:aws:iam::" + c.realm.Account + ":root"
	if who == nil {
		return Caller{Account: c.realm.Account, Principal: root, Owner: true, Secure: true, Inside: true}
	}
	by := Caller{Account: who.Account, Principal: who.Principal, Source: who.Source, Secure: who.Secure, Inside: who.Inside}
	switch known := c.standings[who.Principal]; {
	case c.standings == nil || who.Principal == root:
		by.Owner = true
	case known != nil:
		by.Owner, by.Grants = known.Owner, known.Grants
	}
	return by
}

// mayMove reports whether messages may move into target on behalf of who has set that up, which takes the right to
// send there.
func (c *Catalog) mayMove(who *Setter, target *queue, now Millis) bool {
	by := c.standing(who)
	return c.authorize(&by, "SendMessage", target, now) == nil
}

// mayEmpty checks the rights that a move task needs on its source besides its own: it receives and deletes there.
func (c *Catalog) mayEmpty(by *Caller, source *queue, now Millis) error {
	for _, action := range [...]string{"StartMessageMoveTask", "ReceiveMessage", "DeleteMessage"} {
		if err := c.authorize(by, action, source, now); err != nil {
			return err
		}
	}
	return nil
}

// mayReturn checks that the caller may send to every queue that uses source as its dead-letter queue: a move task
// without a destination brings messages back there. The refusal names none of them.
func (c *Catalog) mayReturn(by *Caller, source *queue, now Millis) error {
	for _, q := range c.queues {
		if q.deadLetterQueue() == source && c.authorize(by, "SendMessage", q, now) != nil {
			return &Error{Code: CodeAccessDenied, Queue: source.cfg.Name, Message: "User: " + by.Principal +
				" is not authorized to perform: sqs:sendmessage on every queue that uses " + source.arn() +
				" as its dead-letter queue. Name a destination that it may send to."}
		}
	}
	return nil
}

// authorizeARN checks an action on the queue of an ARN, which need not exist. An ARN of another account or region
// passes, since no queue here has it.
func (c *Catalog) authorizeARN(by *Caller, action, arn string, now Millis) error {
	_, _, region, account, name, ok := ParseARN(arn)
	if !ok || region != c.realm.Region || account != c.realm.Account {
		return nil
	}
	return c.authorizeNamed(by, action, name, now)
}
