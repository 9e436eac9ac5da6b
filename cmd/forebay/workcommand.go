package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/forebay-mq/forebay/internal/child"
	"github.com/forebay-mq/forebay/internal/config"
	"github.com/forebay-mq/forebay/worker"
)

// environmentMax bounds what one message attribute may put into the environment, where Linux allows 128 KiB.
const environmentMax = 32 << 10

// commandFlags say how a command is run.
type commandFlags struct {
	args   []string
	body   string
	memory string
	output string
	later  string
	cgroup string

	job        child.Job // what all commands have in common
	laterDelay time.Duration
}

func (f *commandFlags) flags(flags *pflag.FlagSet) {
	flags.StringVar(&f.body, "body", "stdin", "where the command finds the body: stdin, or file, named by FOREBAY_BODY_FILE")
	flags.StringVar(&f.memory, "memory", "", "memory limit of a command, such as 512MiB (none)")
	flags.StringVar(&f.output, "output-limit", "64KiB", "keep so much of what a command prints, for the log")
	flags.StringVar(&f.later, "later", "30s", "when a message comes back whose command ended with 75")
	flags.StringVar(&f.cgroup, "cgroup", "auto", "limit and end commands by cgroup v2: auto, where it is delegated, or off")
}

func (f *commandFlags) read() error {
	if f.body != "stdin" && f.body != "file" {
		return usage("--body: %q is neither stdin nor file", f.body)
	}
	if f.cgroup != "auto" && f.cgroup != "off" {
		return usage("--cgroup: %q is neither auto nor off", f.cgroup)
	}
	if f.job.Patience > 4*time.Second {
		return usage("--patience: %s is above 4s", f.job.Patience)
	}
	var err error
	if f.laterDelay, err = config.Duration(f.later); err != nil {
		return usage("--later: %v", err)
	}
	kept, err := config.Size(f.output)
	if err != nil || kept > 16<<20 {
		return usage("--output-limit: %s is no size such as 64KiB, up to 16MiB", f.output)
	}
	f.job.OutputMax = int(kept)
	if f.memory != "" {
		if f.job.MemoryMax, err = config.Size(f.memory); err != nil || f.job.MemoryMax < 1<<20 {
			return usage("--memory: %s is no size such as 512MiB, at least 1MiB", f.memory)
		}
	}
	return nil
}

// bodyFile writes a body into a file of its own, for its owner alone.
func bodyFile(body []byte) (string, error) {
	f, err := os.CreateTemp("", "forebay-body-*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(body)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
		return "", fmt.Errorf("write the body: %w", err)
	}
	return f.Name(), nil
}

// messageEnvironment is what a command is told of its message. The message attributes are there twice: each in a variable
// of its own, and all of them as JSON with their exact names. What is too long for an environment is left out.
func messageEnvironment(m *worker.Message, queue string) []string {
	var env []string
	set := func(name, value string) {
		if value != "" && len(value) <= environmentMax && !strings.Contains(value, "\x00") {
			env = append(env, name+"="+value)
		}
	}
	set("FOREBAY_QUEUE", queue)
	set("FOREBAY_MESSAGE_ID", m.ID())
	set("FOREBAY_RECEIPT_HANDLE", aws.ToString(m.ReceiptHandle))
	set("FOREBAY_RECEIVE_COUNT", strconv.Itoa(m.Receives()))
	set("FOREBAY_GROUP", m.Group())
	set("FOREBAY_DEDUPLICATION_ID", m.Attributes["MessageDeduplicationId"])
	set("FOREBAY_SEQUENCE_NUMBER", m.Attributes["SequenceNumber"])
	set("FOREBAY_SENDER_ID", m.Attributes["SenderId"])
	for name, at := range map[string]time.Time{"FOREBAY_SENT_AT": m.Sent(), "FOREBAY_FIRST_RECEIVED_AT": m.FirstReceived()} {
		if !at.IsZero() {
			set(name, at.Format("2006-01-02T15:04:05.000Z07:00"))
		}
	}
	parent, state := m.Trace()
	set("TRACEPARENT", parent)
	set("TRACESTATE", state)
	all := make(map[string]messageAttribute)
	for _, name := range slices.Sorted(maps.Keys(m.MessageAttributes)) {
		value := m.MessageAttributes[name]
		all[name] = messageAttribute{aws.ToString(value.DataType), value.StringValue, value.BinaryValue}
		text := aws.ToString(value.StringValue)
		if value.StringValue == nil {
			text = base64.StdEncoding.EncodeToString(value.BinaryValue)
		}
		set("FOREBAY_ATTR_"+environmentName(name), text)
	}
	if text, err := json.Marshal(all); err == nil && len(all) > 0 {
		set("FOREBAY_ATTRIBUTES", string(text))
	}
	return env
}

// environmentName makes a name that shells accept: capitals, digits and underscores.
func environmentName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(name))
}

// keeperName is the hidden command that commands run under; see package child.
const keeperName = "keep-command"

func (a *app) keeperCommand() *cobra.Command {
	return &cobra.Command{
		Use:    keeperName,
		Short:  "Keep the commands of forebay work",
		Hidden: true,
		Args:   exactly(0),
		RunE:   func(*cobra.Command, []string) error { return child.Keep(a.in, a.out) },
	}
}
