package sqsd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"go.yaml.in/yaml/v3"
)

// taskBody is the body of a periodic task, as of the daemon.
const taskBody = "elasticbeanstalk scheduled job"

// Task is a periodic task of a cron.yaml.
type Task struct {
	Name     string
	Path     string // of the application, that the task is posted to
	Schedule Schedule
}

// ParseCron reads a cron.yaml: version 1, and below cron a list of name, url and schedule. Errors name the file and line.
func ParseCron(file string, in io.Reader) ([]Task, error) {
	var document yaml.Node
	if err := yaml.NewDecoder(in).Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: it is empty", file)
		}
		return nil, fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	wrong := func(n *yaml.Node, format string, args ...any) error {
		return fmt.Errorf("%s:%d: %s", file, n.Line, fmt.Sprintf(format, args...))
	}
	top, err := pairs(document.Content[0], wrong, "version", "cron")
	if err != nil {
		return nil, err
	}
	if v := top["version"]; v == nil || v.Value != "1" {
		return nil, wrong(document.Content[0], "version: 1 is missing")
	}
	list := top["cron"]
	if list == nil || list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
		return nil, wrong(document.Content[0], "cron: a list of tasks is missing")
	}
	names := make(map[string]bool)
	var tasks []Task
	for _, node := range list.Content {
		fields, err := pairs(node, wrong, "name", "url", "schedule")
		if err != nil {
			return nil, err
		}
		for _, name := range []string{"name", "url", "schedule"} {
			if fields[name] == nil || fields[name].Value == "" {
				return nil, wrong(node, "a task needs name, url and schedule; %s is missing", name)
			}
		}
		task := Task{Name: fields["name"].Value, Path: fields["url"].Value}
		if len(task.Name) > 100 || names[task.Name] {
			return nil, wrong(fields["name"], "the name %q is longer than 100 characters, or there twice", task.Name)
		}
		names[task.Name] = true
		if u, err := url.Parse(task.Path); err != nil || u.Host != "" || !strings.HasPrefix(task.Path, "/") {
			return nil, wrong(fields["url"], "url %q is not a path such as /nightly", task.Path)
		}
		if task.Schedule, err = ParseSchedule(fields["schedule"].Value); err != nil {
			return nil, wrong(fields["schedule"], "%v", err)
		}
		tasks = append(tasks, task)
	}
	return tasks, nil
}

// pairs reads a mapping with the known keys.
func pairs(n *yaml.Node, wrong func(*yaml.Node, string, ...any) error, known ...string) (map[string]*yaml.Node, error) {
	if n.Kind != yaml.MappingNode {
		return nil, wrong(n, "want %s here", strings.Join(known, ", "))
	}
	found := make(map[string]*yaml.Node)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		ok := false
		for _, name := range known {
			ok = ok || key.Value == name
		}
		if !ok {
			return nil, wrong(key, "unknown key %q, want %s", key.Value, strings.Join(known, ", "))
		}
		found[key.Value] = n.Content[i+1]
	}
	return found, nil
}

// Sender is what periodic tasks need of an SQS client.
type Sender interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
}

// Cron sends periodic tasks to a FIFO queue when they are due. Any number of agents may do the same for the same tasks:
// the deduplication id of a message is the task and the minute, so that the queue takes it once, as long as their clocks
// differ by less than the five minutes for which a queue remembers. What comes due while no agent runs is not made up for.
type Cron struct {
	Client   Sender
	QueueURL string // of a FIFO queue
	Tasks    []Task
	Logger   *slog.Logger
}

// Run sends until ctx ends.
func (c *Cron) Run(ctx context.Context) {
	for from := time.Now(); ; {
		next := from.AddDate(1, 0, 0)
		for _, task := range c.Tasks {
			if at := task.Schedule.Next(from); !at.IsZero() && at.Before(next) {
				next = at
			}
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		for _, task := range c.Tasks {
			if task.Schedule.Next(from).Equal(next) {
				c.send(ctx, task, next)
			}
		}
		from = next
		if late := time.Now().Add(-time.Minute); late.After(from) {
			from = late // the machine slept; what came due meanwhile is not made up for
		}
	}
}

// send sends a task, and tries for a minute when the server does not take it.
func (c *Cron) send(ctx context.Context, task Task, at time.Time) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	stamp := at.UTC().Format(time.RFC3339)
	text := func(value string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
	}
	in := &sqs.SendMessageInput{
		QueueUrl: &c.QueueURL, MessageBody: aws.String(taskBody),
		MessageGroupId:         aws.String(taskID(task.Name)),
		MessageDeduplicationId: aws.String(taskID(task.Name) + "-" + stamp),
		MessageAttributes: map[string]types.MessageAttributeValue{
			attributeTask: text(task.Name), attributePath: text(task.Path), attributeScheduled: text(stamp),
		},
	}
	for pause := time.Second; ; pause = min(2*pause, 10*time.Second) {
		_, err := c.Client.SendMessage(ctx, in)
		if err == nil {
			c.Logger.Debug("a periodic task was sent", "task", task.Name, "scheduled", stamp)
			return
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			c.Logger.Error("a periodic task could not be sent", "task", task.Name, "scheduled", stamp, "err", err)
			return
		case <-timer.C:
		}
	}
}

// taskID is a task's name in characters that a group id may have.
func taskID(name string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r <= '~' {
			return r
		}
		return '_'
	}, name)
}
