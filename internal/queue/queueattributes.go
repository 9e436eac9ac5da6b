package queue

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

func (c *Catalog) getQueueAttributes(by *Caller, in *GetQueueAttributesInput, now Millis) (*GetQueueAttributesOutput, error) {
	q, err := c.find(by, in.Queue, "GetQueueAttributes", now)
	if err != nil {
		return nil, err
	}
	for _, name := range in.Names {
		if !KnownAttribute(name) {
			return nil, Errorf(CodeInvalidAttributeName, "Unknown Attribute %s.", name)
		}
	}
	c.use(q, now)
	names := in.Names
	if slices.Contains(names, "All") {
		names = append(q.cfg.Attributes.Names(), readOnlyAttributes[:]...)
	}
	out := &GetQueueAttributesOutput{}
	for _, name := range names {
		if value, ok := q.attribute(name, now); ok {
			if out.Attributes == nil {
				out.Attributes = make(map[string]string, len(names))
			}
			out.Attributes[name] = value
		}
	}
	return out, nil
}

// readOnlyAttributes are those that every queue shows and nobody sets.
var readOnlyAttributes = [...]string{
	"QueueArn", "CreatedTimestamp", "LastModifiedTimestamp",
	"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed",
}

func (q *queue) attribute(name string, now Millis) (value string, ok bool) {
	switch name {
	case "QueueArn":
		return q.arn(), true
	case "CreatedTimestamp":
		return stamp(q.cfg.Created), true
	case "LastModifiedTimestamp":
		return stamp(q.cfg.Modified), true
	case "ApproximateNumberOfMessages":
		return strconv.FormatInt(q.visible(), 10), true
	case "ApproximateNumberOfMessagesNotVisible":
		return strconv.Itoa(q.inFlight), true
	case "ApproximateNumberOfMessagesDelayed":
		return strconv.Itoa(q.delayed), true
	}
	if extra := extraAttributes[name]; extra != nil {
		return extra(q.stats(now))
	}
	return q.cfg.Attributes.Render(name)
}

func (c *Catalog) setQueueAttributes(by *Caller, in *SetQueueAttributesInput, now Millis) error {
	q, err := c.find(by, in.Queue, "SetQueueAttributes", now)
	if err != nil {
		return err
	}
	if len(in.Attributes) == 0 {
		return MissingParameter("Attribute.Name")
	}
	cfg := *q.cfg
	if err := cfg.Attributes.Apply(in.Attributes, false); err != nil {
		return err
	}
	if _, given := in.Attributes["RedrivePolicy"]; given {
		if err := c.checkRedrive(by, cfg.Name, &cfg.Attributes, now); err != nil {
			return err
		}
		cfg.RedriveBy = nil
		if cfg.Attributes.Redrive != nil {
			cfg.RedriveBy = setterOf(by)
		}
	}
	if err := c.checkPolicyChange(by, q, cfg.Attributes.Policy, now); err != nil {
		return err
	}
	cfg.Modified = now
	if err := q.configure(&cfg); err != nil {
		return err
	}
	if q.fifo() {
		q.delayAnew(now)
	}
	c.use(q, now)
	q.wake()
	return nil
}

// delayAnew applies a FIFO queue's delay, as it is now, to the messages that were never received.
func (q *queue) delayAnew(now Millis) {
	for _, seq := range slices.Sorted(maps.Keys(q.entries)) {
		e := q.entries[seq]
		if e.received != 0 || e.adopted || e.phase != phaseVisible && e.phase != phaseDelayed {
			continue
		}
		until := e.sent.Add(q.cfg.Attributes.Delay)
		q.ages.remove(e)
		e.late = lateness(e.sent, until)
		q.ages.put(e)
		switch {
		case until > now:
			q.turnTo(phaseDelayed, e, until)
		case e.phase == phaseDelayed:
			q.turnTo(phaseVisible, e, until)
		}
	}
}

// checkRedrive checks that the caller may send to the target of a RedrivePolicy, and that the target exists, fits and
// lets the queue in. The right comes first: who does not have it learns nothing about the target.
func (c *Catalog) checkRedrive(by *Caller, name string, a *Attributes, now Millis) error {
	if a.Redrive == nil {
		return nil
	}
	refuse := func(reason string) error {
		value, _ := a.Render("RedrivePolicy")
		return invalidValue(value, "RedrivePolicy", reason)
	}
	_, service, region, account, resource, ok := ParseARN(a.Redrive.TargetARN)
	switch {
	case !ok:
		return refuse("Dead-letter target ARN should be fully qualified ARN.")
	case service != "sqs":
		return refuse("Only SQS queues are valid resources for deadLetterTargetArn.")
	case account != c.realm.Account:
		return refuse("Dead-letter target owner should be same as the source.")
	case region != c.realm.Region:
		return refuse("Dead letter target does not exist.")
	}
	if resource == name {
		return nil // a queue may be its own dead-letter queue, also before it exists
	}
	if err := c.authorizeNamed(by, "SendMessage", resource, now); err != nil {
		return err
	}
	target := c.byName[resource]
	switch {
	case target == nil:
		return refuse("Dead letter target does not exist.")
	case target.fifo() != a.FIFO:
		return refuse("Dead-letter queue must be same type of queue as the source..")
	case !target.cfg.Attributes.RedriveFrom.allows(c.realm.ARN(name)):
		return refuse(fmt.Sprintf("The redrive allow policy of queue %s does not let this queue use it.", resource))
	}
	return nil
}

// allows tells whether the queue with this ARN may use the policy's queue as its dead-letter queue.
func (p *RedriveAllowPolicy) allows(sourceARN string) bool {
	if p == nil {
		return true
	}
	switch p.Permission {
	case "denyAll":
		return false
	case "byQueue":
		return slices.Contains(p.SourceARNs, sourceARN)
	}
	return true
}
