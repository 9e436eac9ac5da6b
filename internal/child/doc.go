// Package child runs a command so that nothing of it stays behind: not when it crashes, hangs, forks children that fork
// away, or when the program that asked for it dies.
//
// Between that program and the command stands a small process, the keeper, one for each command that runs at a time. On
// Linux it is the subreaper of all that the command starts, so whatever loses its parent becomes the keeper's child, and
// the keeper knows what belongs to the command. It ends all of it when the command ends, when it is told to, and when the
// program that it works for is gone, which it sees by the end of its standard input. The keeper is the same binary,
// started again; [Keep] is its main function.
package child
