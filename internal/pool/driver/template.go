package driver

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/forebay-mq/forebay/internal/pool"
)

// The placeholders of a command.
const (
	holdPool   = "{pool}"
	holdQueue  = "{queue}"    // the first
	holdQueues = "{queues}"   // all, with commas between them
	holdWorker = "{worker}"   // its id
	holdIdle   = "{idle}"     // its idle time, like 15s; 0s: it stays
	holdOrders = "{commands}" // URL of the queue through which it is told things
	holdCount  = "{count}"    // how many to start
)

// checkTemplate refuses a command that cannot be run, and braces that mean nothing.
func checkTemplate(command []string, known ...string) error {
	if len(command) == 0 || command[0] == "" {
		return fmt.Errorf("it names no program")
	}
	for _, word := range command {
		for rest := word; ; {
			_, after, found := strings.Cut(rest, "{")
			name, behind, closed := strings.Cut(after, "}")
			if !found || !closed {
				break
			}
			if lettersOnly(name) && !slices.Contains(known, "{"+name+"}") {
				return fmt.Errorf("{%s} stands for nothing; known are %s", name, strings.Join(known, ", "))
			}
			rest = behind
		}
	}
	return nil
}

func lettersOnly(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz") == ""
}

// fill puts the values of a worker into a command.
func fill(command []string, o pool.Order, w pool.Spec) []string {
	r := strings.NewReplacer(holdPool, o.Pool, holdQueue, o.Queues[0], holdQueues, strings.Join(o.Queues, ","),
		holdWorker, w.ID, holdOrders, w.Commands, holdIdle, idleText(w.Idle), holdCount, strconv.Itoa(len(o.Workers)))
	filled := make([]string, len(command))
	for i, word := range command {
		filled[i] = r.Replace(word)
	}
	return filled
}

func idleText(d time.Duration) string { return d.Round(time.Millisecond).String() }

// environment is this process's with what a worker should know.
func environment(o pool.Order, w pool.Spec, extra ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "NOTIFY_SOCKET=") })
	return append(append(env,
		"FOREBAY_POOL="+o.Pool,
		"FOREBAY_POOL_QUEUES="+strings.Join(o.Queues, ","),
		"FOREBAY_POOL_WORKER="+w.ID,
		"FOREBAY_POOL_IDLE="+idleText(w.Idle),
		"FOREBAY_POOL_COMMANDS="+w.Commands,
		"FOREBAY_POOL_EPOCH="+strconv.FormatInt(o.Epoch, 10)), extra...)
}
