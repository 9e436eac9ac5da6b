package target

import "fmt"

// Kind says what sort of mistake an [Error] is about. The zero value is none.
type Kind int

// The kinds of errors.
const (
	Usage       Kind = iota + 1 // flags or variables that contradict each other, or that mean nothing
	NotFound                    // no such context or folder, or several servers to choose from
	Denied                      // there is no key for the server that is named
	Unreachable                 // the server that is named does not run
)

// Error says why no server could be chosen, in words for a person.
type Error struct {
	Kind  Kind
	What  string
	Hints []string // what to do next, one line each
}

// Error returns what is wrong.
func (e *Error) Error() string { return e.What }

func refuse(kind Kind, hints []string, format string, args ...any) error {
	return &Error{Kind: kind, What: fmt.Sprintf(format, args...), Hints: hints}
}
