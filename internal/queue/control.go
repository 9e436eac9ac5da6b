package queue

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

func (cmd *Control) step(c *Catalog, now Millis) (any, error) {
	by := &cmd.By
	switch in := cmd.In.(type) {
	case *CreateQueueInput:
		return c.createQueue(by, in, now)
	case *DeleteQueueInput:
		return nil, c.deleteQueue(by, in, now)
	case *ListQueuesInput:
		return c.listQueues(by, in, now)
	case *GetQueueURLInput:
		return c.getQueueURL(by, in, now)
	case *GetQueueAttributesInput:
		return c.getQueueAttributes(by, in, now)
	case *SetQueueAttributesInput:
		return nil, c.setQueueAttributes(by, in, now)
	case *PurgeQueueInput:
		return nil, c.purgeQueue(by, in, now)
	case *TagQueueInput:
		return nil, c.tagQueue(by, in, now)
	case *UntagQueueInput:
		return nil, c.untagQueue(by, in, now)
	case *ListQueueTagsInput:
		return c.listQueueTags(by, in, now)
	case *ListDeadLetterSourceQueuesInput:
		return c.listDeadLetterSources(by, in, now)
	case *AddPermissionInput:
		return nil, c.addPermission(by, in, now)
	case *RemovePermissionInput:
		return nil, c.removePermission(by, in, now)
	case *StartMessageMoveTaskInput:
		return c.startMoveTask(by, in, now)
	case *CancelMessageMoveTaskInput:
		return c.cancelMoveTask(by, in, now)
	case *ListMessageMoveTasksInput:
		return c.listMoveTasks(by, in, now)
	}
	return nil, Internal(fmt.Errorf("no control action takes %T", cmd.In))
}

func (c *Catalog) createQueue(by *Caller, in *CreateQueueInput, now Millis) (*CreateQueueOutput, error) {
	if err := CheckName(in.Name, strings.EqualFold(in.Attributes["FifoQueue"], "true")); err != nil {
		return nil, err
	}
	if q := c.byName[in.Name]; q != nil {
		return c.createAgain(by, in, q, now)
	}
	if err := c.authorizeAccount(by, "CreateQueue", in.Name, now); err != nil {
		return nil, err
	}
	attributes := NewAttributes(IsFIFOName(in.Name))
	if err := attributes.Apply(in.Attributes, true); err != nil {
		return nil, err
	}
	if err := c.checkRedrive(by, in.Name, &attributes, now); err != nil {
		return nil, err
	}
	if err := c.checkNewPolicy(by, in.Name, attributes.Policy, now); err != nil {
		return nil, err
	}
	tags, err := c.firstTags(by, in, now)
	if err != nil {
		return nil, err
	}
	if at, ok := c.deleted[in.Name]; ok && now < at.Add(CoolDown) && !c.opts.NoCoolDown {
		return nil, Errorf(CodeQueueDeletedRecently,
			"You must wait 60 seconds after deleting a queue before you can create another with the same name.")
	}
	if len(c.queues) >= QueuesMax {
		return nil, Errorf(CodeOverLimit, "This server holds at most %d queues.", QueuesMax)
	}
	cfg := &Config{Name: in.Name, Created: now, Modified: now, Attributes: attributes, Tags: tags}
	if attributes.Redrive != nil {
		cfg.RedriveBy = setterOf(by)
	}
	q, err := c.newQueue(cfg)
	if err != nil {
		return nil, err
	}
	if _, ok := c.deleted[in.Name]; ok {
		delete(c.deleted, in.Name)
		c.records = append(c.records, Record{Op: OpDropDeleted, Name: in.Name})
	}
	return &CreateQueueOutput{Queue: q.ref()}, nil
}

// firstTags returns the tags of a new queue, which the caller must have the right to give.
func (c *Catalog) firstTags(by *Caller, in *CreateQueueInput, now Millis) (map[string]string, error) {
	if len(in.Tags) == 0 {
		return nil, nil
	}
	if err := c.authorizeAccount(by, "TagQueue", in.Name, now); err != nil {
		return nil, err
	}
	return MergeTags(nil, in.Tags, in.Name)
}

// createAgain answers for a queue that exists: fine if all that is supplied is as it is.
func (c *Catalog) createAgain(by *Caller, in *CreateQueueInput, q *queue, now Millis) (*CreateQueueOutput, error) {
	if err := c.authorize(by, "CreateQueue", q, now); err != nil {
		return nil, err
	}
	name, err := q.cfg.Attributes.Differing(in.Attributes)
	if err != nil {
		return nil, err
	}
	if name != "" {
		return nil, Errorf(CodeQueueNameExists,
			"A queue already exists with the same name and a different value for attribute %s", name)
	}
	return &CreateQueueOutput{Queue: q.ref()}, nil
}

// newQueue adds a queue whose configuration has been checked.
func (c *Catalog) newQueue(cfg *Config) (*queue, error) {
	policy, err := parsedPolicy(cfg)
	if err != nil {
		return nil, err
	}
	q := newQueue(c, c.nextID, cfg)
	q.policy = policy
	c.nextID++
	c.queues[q.id], c.byName[cfg.Name] = q, q
	q.record(Record{Op: OpPutQueue, Config: cfg})
	return q, nil
}

func parsedPolicy(cfg *Config) (*Policy, error) {
	if cfg.Attributes.Policy == "" {
		return nil, nil
	}
	return ParsePolicy(cfg.Attributes.Policy)
}

// autoCreate makes the queue that a message is for, where the server was told to.
func (c *Catalog) autoCreate(by *Caller, ref Ref, now Millis) error {
	if !c.opts.AutoCreate || c.byName[ref.Name] != nil || ref.Account != "" && ref.Account != c.realm.Account {
		return nil
	}
	in := &CreateQueueInput{Name: ref.Name}
	if IsFIFOName(ref.Name) {
		in.Attributes = map[string]string{"FifoQueue": "true"}
	}
	if CheckName(in.Name, in.Attributes != nil) != nil {
		return nil // the search for the queue gives the answer
	}
	_, err := c.createQueue(by, in, now)
	return err
}

func (c *Catalog) deleteQueue(by *Caller, in *DeleteQueueInput, now Millis) error {
	q, err := c.find(by, in.Queue, "DeleteQueue", now)
	if err != nil {
		return err
	}
	if err := c.checkDeletion(by, q, now); err != nil {
		return err
	}
	for _, e := range q.entries {
		c.cache.drop(e)
		if e.holder != nil {
			q.letGo(e)
		}
	}
	c.entries -= int64(len(q.entries))
	c.agenda.remove(q)
	delete(c.active, q.id)
	c.gone.Add(q.counters)
	delete(c.queues, q.id)
	delete(c.byName, q.cfg.Name)
	q.record(Record{Op: OpDropQueue})
	if !c.opts.NoCoolDown {
		c.forgetDeleted(now)
		c.deleted[q.cfg.Name] = now
		c.records = append(c.records, Record{Op: OpPutDeleted, Name: q.cfg.Name, At: now})
	}
	c.result.Ready = append(c.result.Ready, q.id)
	return nil
}

// forgetDeleted forgets the names whose cool-down is over.
func (c *Catalog) forgetDeleted(now Millis) {
	for _, name := range slices.Sorted(maps.Keys(c.deleted)) {
		if c.deleted[name].Add(CoolDown) <= now {
			delete(c.deleted, name)
			c.records = append(c.records, Record{Op: OpDropDeleted, Name: name})
		}
	}
}

func (c *Catalog) listQueues(by *Caller, in *ListQueuesInput, now Millis) (*ListQueuesOutput, error) {
	if err := c.authorizeAccount(by, "ListQueues", "", now); err != nil {
		return nil, err
	}
	return c.page(in.Prefix, in.MaxResults, in.NextToken, func(*queue) bool { return true })
}

func (c *Catalog) listDeadLetterSources(by *Caller, in *ListDeadLetterSourceQueuesInput, now Millis) (*ListQueuesOutput, error) {
	q, err := c.find(by, in.Queue, "ListDeadLetterSourceQueues", now)
	if err != nil {
		return nil, err
	}
	arn := q.arn()
	return c.page("", in.MaxResults, in.NextToken, func(source *queue) bool {
		redrive := source.cfg.Attributes.Redrive
		return redrive != nil && redrive.TargetARN == arn && c.authorize(by, "GetQueueUrl", source, now) == nil
	})
}

// page returns the queues that fit, in name order, behind the one the token names.
func (c *Catalog) page(prefix string, maxResults Int, token string, fits func(*queue) bool) (*ListQueuesOutput, error) {
	if maxResults.Set && (maxResults.N < 1 || maxResults.N > ListMax) {
		return nil, Errorf(CodeInvalidParameterValue,
			"Value for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and 1000.")
	}
	after, ok := openToken(token, prefix)
	if !ok {
		return nil, Errorf(CodeInvalidParameterValue, "Invalid or expired next token.")
	}
	limit := ListMax
	if maxResults.Set {
		limit = int(maxResults.N)
	}
	out := &ListQueuesOutput{}
	for _, name := range slices.Sorted(maps.Keys(c.byName)) {
		if name <= after || !strings.HasPrefix(name, prefix) || !fits(c.byName[name]) {
			continue
		}
		if len(out.Queues) == limit {
			if maxResults.Set {
				out.NextToken = sealToken(out.Queues[limit-1].Name, prefix)
			}
			break
		}
		out.Queues = append(out.Queues, c.byName[name].ref())
	}
	return out, nil
}

// A token is the last name of its page behind the prefix it belongs to. Neither can contain a blank.
func sealToken(last, prefix string) string {
	return base64.RawURLEncoding.EncodeToString([]byte("after " + prefix + " " + last))
}

func openToken(token, prefix string) (after string, ok bool) {
	if token == "" {
		return "", true
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", false
	}
	return strings.CutPrefix(string(raw), "after "+prefix+" ")
}

func (c *Catalog) getQueueURL(by *Caller, in *GetQueueURLInput, now Millis) (*GetQueueURLOutput, error) {
	if in.Name == "" {
		return nil, CheckName("", false)
	}
	q, err := c.find(by, Ref{Account: in.OwnerAccount, Name: in.Name}, "GetQueueUrl", now)
	if err != nil {
		return nil, err
	}
	return &GetQueueURLOutput{Queue: q.ref()}, nil
}

func (c *Catalog) listQueueTags(by *Caller, in *ListQueueTagsInput, now Millis) (*ListQueueTagsOutput, error) {
	q, err := c.find(by, in.Queue, "ListQueueTags", now)
	if err != nil {
		return nil, err
	}
	return &ListQueueTagsOutput{Tags: maps.Clone(q.cfg.Tags)}, nil
}

func (c *Catalog) tagQueue(by *Caller, in *TagQueueInput, now Millis) error {
	q, err := c.find(by, in.Queue, "TagQueue", now)
	if err != nil {
		return err
	}
	tags, err := MergeTags(q.cfg.Tags, in.Tags, q.cfg.Name)
	if err != nil {
		return err
	}
	cfg := *q.cfg
	cfg.Tags = tags
	return q.configure(&cfg)
}

func (c *Catalog) untagQueue(by *Caller, in *UntagQueueInput, now Millis) error {
	q, err := c.find(by, in.Queue, "UntagQueue", now)
	if err != nil {
		return err
	}
	if len(in.Keys) == 0 {
		return MissingParameter("TagKeys")
	}
	cfg := *q.cfg
	cfg.Tags = maps.Clone(q.cfg.Tags)
	for _, key := range in.Keys {
		delete(cfg.Tags, key)
	}
	return q.configure(&cfg)
}

// configure puts a changed configuration in force. Configurations are never changed in place, since records
// of earlier steps may still point to them.
func (q *queue) configure(cfg *Config) error {
	policy, err := parsedPolicy(cfg)
	if err != nil {
		return err
	}
	if cfg.Attributes.Policy != q.cfg.Attributes.Policy {
		q.c.result.Policies = append(q.c.result.Policies, q.id)
	}
	q.cfg, q.policy = cfg, policy
	q.record(Record{Op: OpPutQueue, Config: cfg})
	return nil
}

func (c *Catalog) addPermission(by *Caller, in *AddPermissionInput, now Millis) error {
	return c.changePolicy(by, in.Queue, "AddPermission", now, func(q *queue) (string, error) {
		return AddPermission(q.cfg.Attributes.Policy, q.arn(), in)
	})
}

func (c *Catalog) removePermission(by *Caller, in *RemovePermissionInput, now Millis) error {
	return c.changePolicy(by, in.Queue, "RemovePermission", now, func(q *queue) (string, error) {
		return RemovePermission(q.cfg.Attributes.Policy, in.Label)
	})
}

func (c *Catalog) changePolicy(by *Caller, ref Ref, action string, now Millis, change func(*queue) (string, error)) error {
	q, err := c.find(by, ref, action, now)
	if err != nil {
		return err
	}
	policy, err := change(q)
	if err != nil {
		return err
	}
	if err := c.checkPolicyChange(by, q, policy, now); err != nil {
		return err
	}
	cfg := *q.cfg
	cfg.Attributes.Policy, cfg.Modified = policy, now
	return q.configure(&cfg)
}

func (c *Catalog) purgeQueue(by *Caller, in *PurgeQueueInput, now Millis) error {
	q, err := c.find(by, in.Queue, "PurgeQueue", now)
	if err != nil {
		return err
	}
	if q.cfg.Purged != 0 && now < q.cfg.Purged.Add(CoolDown) && !c.opts.NoCoolDown {
		return &Error{Code: CodePurgeQueueInProgress, Queue: q.cfg.Name,
			Message: "Only one PurgeQueue operation on " + q.cfg.Name + " is allowed every 60 seconds."}
	}
	cfg := *q.cfg
	cfg.Purged = now
	if err := q.configure(&cfg); err != nil {
		return err
	}
	q.empty()
	c.used = append(c.used, q)
	c.result.Ready = append(c.result.Ready, q.id) // receives that wait for a refill wait for nothing now
	return nil
}

// empty forgets all messages and what was remembered of their sending. Sequence numbers go on.
func (q *queue) empty() {
	q.record(Record{Op: OpDropMessages, Seq: q.next - 1})
	if q.sends.order.size > 0 {
		q.record(Record{Op: OpDropSends})
	}
	for _, e := range q.entries {
		q.c.cache.drop(e)
		if e.holder != nil {
			q.letGo(e)
		}
	}
	q.c.entries -= int64(len(q.entries))
	fresh := newQueue(q.c, q.id, q.cfg)
	q.line, q.entries, q.due, q.ages, q.fresh = fresh.line, fresh.entries, fresh.due, fresh.ages, fresh.fresh
	q.coming, q.beyond = fresh.coming, fresh.beyond
	q.inFlight, q.delayed, q.inMemory = 0, 0, 0
	q.overflow, q.live, q.bytes = 0, 0, 0
	q.cursor = q.next - 1
	q.refill.active, q.refill.dropped = false, nil
	q.sends, q.attempts, q.attemptOrder = memory{}, nil, fifo[attemptTime]{}
}

// stamp renders a moment as the attributes show it.
func stamp(m Millis) string { return strconv.FormatInt(int64(m)/1000, 10) }
