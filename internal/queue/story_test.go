package queue

import (
	cmdline "flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var rewrite = cmdline.Bool("rewrite", false, "write what the stories do into their files instead of comparing")

// TestStories plays the stories of testdata/stories: commands, a line "----", and what happened.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/stories/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories found: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { playFile(t, file) })
	}
}

func playFile(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &story{world: newWorld(t, Options{NoCoolDown: true, WindowMax: 8}), handles: make(map[string]Receipt)}
	s.began = s.now
	var got strings.Builder
	for i, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		if i > 0 {
			got.WriteString("\n\n")
		}
		if strings.HasPrefix(block, "#") {
			got.WriteString(block)
			continue
		}
		commands, _, _ := strings.Cut(block, "\n----")
		got.WriteString(commands + "\n----")
		for line := range strings.SplitSeq(commands, "\n") {
			for answer := range strings.SplitSeq(strings.TrimSuffix(s.play(line), "\n"), "\n") {
				got.WriteString(strings.TrimRight("\n"+answer, " "))
			}
			s.verify()
		}
	}
	got.WriteString("\n")
	if *rewrite {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got.String() != string(text) {
		t.Errorf("the story goes differently (run with -rewrite and read the diff):\n%s", got.String())
	}
}

// story is a world with names for receipt handles: m1.1 is the first receive of the message with body m1.
type story struct {
	*world
	began   time.Time
	handles map[string]Receipt
}

// words splits a command line into its plain words and its key=value pairs.
func words(line string) (plain []string, values map[string]string) {
	values = make(map[string]string)
	for _, word := range strings.Fields(line) {
		if key, value, ok := strings.Cut(word, "="); ok {
			values[key] = value
		} else {
			plain = append(plain, word)
		}
	}
	return plain, values
}

func (s *story) play(line string) string {
	plain, values := words(line)
	verb := plain[0]
	name := ""
	if len(plain) > 1 {
		name = plain[1]
	}
	switch verb {
	case "create":
		return s.answer(s.step(&Control{s.by, &CreateQueueInput{Name: name, Attributes: values}}))
	case "set":
		return s.answer(s.step(&Control{s.by, &SetQueueAttributesInput{Queue: Ref{Name: name}, Attributes: values}}))
	case "drop":
		return s.answer(s.step(&Control{s.by, &DeleteQueueInput{Queue: Ref{Name: name}}}))
	case "purge":
		return s.answer(s.step(&Control{s.by, &PurgeQueueInput{Queue: Ref{Name: name}}}))
	case "send":
		return s.send(name, plain[2:], values)
	case "receive":
		return s.receive(name, values)
	case "delete":
		return s.release(&Delete{By: s.by, Queue: Ref{Name: name}, Entries: s.held(plain[2:], values)})
	case "change":
		return s.release(&ChangeVisibility{By: s.by, Queue: Ref{Name: name}, Entries: s.held(plain[2:], values)})
	case "counts":
		return s.counts(name)
	case "move":
		return s.move(name, values)
	case "tasks":
		return s.tasks(name)
	case "wait":
		d, err := time.ParseDuration(name)
		if err != nil {
			s.t.Fatal(err)
		}
		s.advance(d)
		return "t=" + s.now.Sub(s.began).String()
	case "restart":
		s.restart()
		return "ok"
	}
	s.t.Fatalf("unknown command %q", line)
	return ""
}

func (s *story) answer(_ any, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	return "ok"
}

// number reads an optional count of seconds or messages.
func number(text string) Int {
	if text == "" {
		return Int{}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic(err)
	}
	return IntOf(n)
}

func (s *story) send(name string, bodies []string, values map[string]string) string {
	cmd := &Send{By: s.by, Queue: Ref{Name: name}, Batch: len(bodies) > 1}
	for _, body := range bodies {
		group, hasGroup := values["group"]
		dedup, hasDedup := values["dedup"]
		cmd.Entries = append(cmd.Entries, Prepare(s.by, "", &Draft{
			Body: []byte(body), Delay: number(values["delay"]),
			GroupID: group, GroupIDSet: hasGroup, DeduplicationID: dedup, DedupIDSet: hasDedup,
		}))
	}
	value, err := s.step(cmd)
	if err != nil {
		return "error: " + err.Error()
	}
	var out strings.Builder
	for i, o := range value.([]SendOutcome) {
		switch {
		case o.Err != nil:
			fmt.Fprintf(&out, "%s error: %v\n", bodies[i], o.Err)
		case o.Sent.Sequence != 0:
			fmt.Fprintf(&out, "%s sequence=%d\n", bodies[i], o.Sent.Sequence)
		default:
			fmt.Fprintf(&out, "%s sent\n", bodies[i])
		}
	}
	return out.String()
}

func (s *story) receive(name string, values map[string]string) string {
	in := &ReceiveMessageInput{
		Queue: Ref{Name: name}, Max: number(values["max"]), Visibility: number(values["vt"]), AttemptID: values["attempt"],
	}
	_, in.AttemptIDSet = values["attempt"]
	value, err := s.step(&Receive{By: s.by, In: in})
	if err != nil {
		return "error: " + err.Error()
	}
	received := value.(*Received)
	if len(received.Deliveries) == 0 {
		return "nothing"
	}
	var out strings.Builder
	for _, d := range received.Deliveries {
		m := s.disk.queues[received.Queue].messages[d.Seq]
		handle := fmt.Sprintf("%s.%d", m.Body, d.Receives)
		s.handles[handle] = d.Receipt
		fmt.Fprintf(&out, "%s", handle)
		if m.GroupID != "" {
			fmt.Fprintf(&out, " group=%s", m.GroupID)
		}
		if m.SourceARN != "" {
			fmt.Fprintf(&out, " from=%s", m.SourceARN[strings.LastIndexByte(m.SourceARN, ':')+1:])
		}
		out.WriteString("\n")
	}
	return out.String()
}

func (s *story) held(handles []string, values map[string]string) []HeldReceipt {
	var entries []HeldReceipt
	for _, h := range handles {
		r, ok := s.handles[h]
		if !ok {
			s.t.Fatalf("no handle %s was given out", h)
		}
		entries = append(entries, HeldReceipt{Receipt: r, Text: h, Visibility: number(values["vt"])})
	}
	return entries
}

func (s *story) release(cmd Command) string {
	value, err := s.step(cmd)
	if err != nil {
		return "error: " + err.Error()
	}
	var out strings.Builder
	for _, e := range value.([]*Error) {
		if e != nil {
			fmt.Fprintf(&out, "error: %v\n", e)
		} else {
			out.WriteString("ok\n")
		}
	}
	return out.String()
}

func (s *story) counts(name string) string {
	value, err := s.step(&Control{s.by, &GetQueueAttributesInput{Queue: Ref{Name: name}, Names: []string{"All"}}})
	if err != nil {
		return "error: " + err.Error()
	}
	a := value.(*GetQueueAttributesOutput).Attributes
	return fmt.Sprintf("visible=%s inflight=%s delayed=%s", a["ApproximateNumberOfMessages"],
		a["ApproximateNumberOfMessagesNotVisible"], a["ApproximateNumberOfMessagesDelayed"])
}

func (s *story) move(name string, values map[string]string) string {
	in := &StartMessageMoveTaskInput{SourceARN: s.c.realm.ARN(name), Rate: number(values["rate"])}
	if to := values["to"]; to != "" {
		in.DestinationARN = s.c.realm.ARN(to)
	}
	return s.answer(s.step(&Control{s.by, in}))
}

func (s *story) tasks(name string) string {
	value, err := s.step(&Control{s.by, &ListMessageMoveTasksInput{SourceARN: s.c.realm.ARN(name), MaxResults: IntOf(10)}})
	if err != nil {
		return "error: " + err.Error()
	}
	var lines []string
	for _, task := range value.(*ListMessageMoveTasksOutput).Tasks {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s moved=%d of %d %s", task.Status, task.Moved, task.ToMove, task.FailureReason)))
	}
	return strings.Join(slices.Compact(lines), "\n")
}
