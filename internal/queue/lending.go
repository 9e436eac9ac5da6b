package queue

import "slices"

// A right to change the policy of a queue must not be a way to every other right. The checks below hold callers who do
// not own the account to this: what a policy says about an action can be loosened only by who may do that action.

// checkPolicyChange refuses a change of q's policy by which the caller would give anybody a right that it does not
// have itself: by a new Allow, or by leaving out a Deny.
func (c *Catalog) checkPolicyChange(by *Caller, q *queue, text string, now Millis) error {
	if by.Owner || text == q.cfg.Attributes.Policy {
		return nil
	}
	next, err := ParsePolicy(text)
	if err != nil {
		return err
	}
	return c.checkLending(Request{
		By: *by, Resource: q.arn(), Account: c.realm.Account, Now: now.Time(),
	}, q.policy, next)
}

// checkNewPolicy is checkPolicyChange for a queue that is being created.
func (c *Catalog) checkNewPolicy(by *Caller, name, text string, now Millis) error {
	if by.Owner || text == "" {
		return nil
	}
	next, err := ParsePolicy(text)
	if err != nil {
		return err
	}
	return c.checkLending(Request{
		By: *by, Resource: c.realm.ARN(name), Account: c.realm.Account, Now: now.Time(),
	}, nil, next)
}

// checkLending compares two policies for every right that the caller does not have under the first.
func (c *Catalog) checkLending(r Request, old, next *Policy) error {
	for _, one := range rights {
		r.Action = one.name
		if Authorize(r, old) == nil {
			continue
		}
		if !next.within(old, one.name, false) || !old.within(next, one.name, true) {
			return refusal(r, "so it cannot loosen what the queue's policy says about that action")
		}
	}
	return nil
}

// within reports whether every Allow of p about the action, or every Deny, is also in other.
func (p *Policy) within(other *Policy, action string, deny bool) bool {
	if p == nil {
		return true
	}
	for i := range p.statements {
		s := &p.statements[i]
		if s.deny != deny || s.covers(action) == s.exceptActs {
			continue
		}
		if other == nil || !slices.ContainsFunc(other.statements, func(o statement) bool { return o.text == s.text }) {
			return false
		}
	}
	return true
}

// checkDeletion refuses to delete a queue whose policy denies the caller anything: the policy would go with it, and
// who may make a queue of that name again would be rid of it.
func (c *Catalog) checkDeletion(by *Caller, q *queue, now Millis) error {
	if by.Owner || q.policy == nil {
		return nil
	}
	r := Request{By: *by, Resource: q.arn(), Account: c.realm.Account, Now: now.Time()}
	for _, one := range rights {
		if r.Action = one.name; q.policy.Evaluate(r) == Denied {
			return refusal(r, "with an explicit deny in a resource-based policy, so it cannot delete the queue and its policy")
		}
	}
	return nil
}
