package main

import (
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

const (
	terminate = syscall.SIGTERM // what service managers send to stop a process
	hangup    = syscall.SIGHUP  // what a process gets whose terminal is closed
)

// stopSignals are the signals that end a command in order. A process that was started to ignore the end of its terminal,
// as nohup does, goes on ignoring it.
func stopSignals() []os.Signal {
	if signal.Ignored(hangup) {
		return []os.Signal{os.Interrupt, terminate}
	}
	return []os.Signal{os.Interrupt, terminate, hangup}
}

// hungUp says that SIGHUP is taken in for good, see keepHangup.
var hungUp atomic.Bool

// keepHangup has the process live on when SIGHUP comes once more: whoever closes a terminal sends it twice, by the shell and
// by the system, and the second must not end what the first has only asked to stop. It has no effect under nohup.
func keepHangup() {
	if !signal.Ignored(hangup) && hungUp.CompareAndSwap(false, true) {
		signal.Notify(make(chan os.Signal, 1), hangup)
	}
}

// stops gives each signal that is to end the process: the first of any kind, and from then on those that a person or a
// service manager sends, to have it end at once. The caller calls stop when it needs no more.
func stops() (signals <-chan os.Signal, stop func()) {
	keepHangup()
	all, wanted, ended := make(chan os.Signal, 2), make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(all, stopSignals()...)
	go func() { // it ends with stop
		for first := true; ; {
			select {
			case got := <-all:
				if got == hangup && !first {
					continue
				}
				first = false
				select {
				case wanted <- got:
				default: // two wait already, and no more are told apart
				}
			case <-ended:
				return
			}
		}
	}()
	return wanted, func() {
		signal.Stop(all)
		close(ended)
	}
}
