package pool

import (
	"context"
	"errors"

	"github.com/forebay-mq/forebay/worker"
)

// errDeaf says what a pool needs whose workers should be told something.
var errDeaf = errors.New("the workers of this pool take no commands: have them run " +
	"forebay work --queue {queue} --idle {idle} --commands {commands} -- …")

// tellChange tells workers what a change means for them. A change that needs nobody to be told needs no Teller either.
func (c *Controller) tellChange(ctx context.Context, change Change) error {
	var commands []worker.Command
	if change.Worker != nil {
		if err := change.Worker.Check(); err != nil {
			return &SettingError{"worker", err}
		}
		commands = append(commands, worker.Command{Command: worker.CommandSettings, Settings: change.Worker})
	}
	teller, hears := c.driver.(Teller)
	switch {
	case change.Paused == nil:
	case *change.Paused:
		commands = append(commands, worker.Command{Command: worker.CommandPause})
	case hears: // where nobody hears, nobody was ever paused
		commands = append(commands, worker.Command{Command: worker.CommandResume})
	}
	if len(commands) == 0 {
		return nil
	}
	if !hears {
		return &SettingError{"commands", errDeaf}
	}
	ids := make([]string, len(c.crew.members))
	for i, m := range c.crew.members {
		ids[i] = m.id
	}
	telling, cancel := context.WithTimeout(ctx, OrderTime)
	defer cancel()
	for _, command := range commands {
		if err := teller.Tell(telling, ids, command); err != nil {
			return err
		}
	}
	return nil
}
