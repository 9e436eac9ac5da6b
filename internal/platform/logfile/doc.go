// Package logfile keeps a log in a file that cannot grow without bound: a full file is set aside under a number, and
// the oldest of those goes. It knows nothing of what is logged. Read file.go.
package logfile
