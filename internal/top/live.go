package top

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// Options are those of [Run].
type Options struct {
	Look     func(ctx context.Context) (Frame, error) // asks for a frame; only one call at a time
	Endpoint string                                   // shown until there is a frame
	Every    time.Duration                            // between the answer to one look and the next
	Sort     Sort
	Colour   bool
	In       io.Reader // a terminal
	Out      io.Writer // a terminal
}

// lookTime bounds one look, so that a server that hangs is a server that is lost.
const lookTime = 10 * time.Second

// Run draws until ctx ends or somebody quits. A server that is lost is no error: the last frame stays, and it is said so.
func Run(ctx context.Context, o Options) error {
	m := newModel(ctx, o)
	_, err := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(o.In), tea.WithOutput(o.Out)).Run()
	if errors.Is(err, tea.ErrInterrupted) || errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		return nil
	}
	return err
}

// model is what is on the screen. The program calls it from one goroutine.
type model struct {
	ctx  context.Context
	o    Options
	view View
	now  Frame
	lost error
}

func newModel(ctx context.Context, o Options) *model {
	return &model{ctx: ctx, o: o, view: View{Sort: o.Sort, Colour: o.Colour}, now: Frame{Endpoint: o.Endpoint}}
}

// looked is the answer to a look.
type looked struct {
	frame Frame
	err   error
}

// due says that it is time to look again.
type due struct{}

func (m *model) look() tea.Msg {
	ctx, cancel := context.WithTimeout(m.ctx, lookTime)
	defer cancel()
	f, err := m.o.Look(ctx)
	return looked{f, err}
}

// Init implements [tea.Model].
func (m *model) Init() tea.Cmd { return m.look }

// Update implements [tea.Model].
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.view.Width, m.view.Height = msg.Width, msg.Height
	case looked:
		if m.lost = msg.err; msg.err == nil {
			m.now = msg.frame
			m.scroll(0)
		}
		return m, tea.Tick(m.o.Every, func(time.Time) tea.Msg { return due{} })
	case due:
		return m, m.look
	case tea.KeyPressMsg:
		return m, m.press(msg.String())
	}
	return m, nil
}

func (m *model) press(key string) tea.Cmd {
	page := max(m.view.Height/2, 1)
	switch key {
	case "q", "esc", "ctrl+c":
		return tea.Quit
	case "down", "j":
		m.scroll(1)
	case "up", "k":
		m.scroll(-1)
	case "pgdown", "space":
		m.scroll(page)
	case "pgup":
		m.scroll(-page)
	case "home":
		m.view.Skip = 0
	default:
		if order, ok := m.view.Sort.press(key); ok {
			m.view.Sort, m.view.Skip = order, 0
		}
	}
	return nil
}

func (m *model) scroll(by int) {
	m.view.Skip = max(min(m.view.Skip+by, len(m.now.Queues)-1), 0)
}

// View implements [tea.Model].
func (m *model) View() tea.View {
	var trouble string
	if m.lost != nil {
		trouble = "the server is lost: " + m.lost.Error()
		if !m.now.Time.IsZero() {
			trouble += "; what is below is from " + m.now.Time.Local().Format("15:04:05")
		}
	}
	shown := tea.NewView(strings.Join(m.view.Screen(m.now, trouble), "\n"))
	shown.AltScreen = true
	return shown
}
