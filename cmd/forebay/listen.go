package main

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"syscall"
)

// Addresses at which commands listen when no flag or file says otherwise. Each has a port of its own.
const (
	serveListen       = "127.0.0.1:4566"
	poolListen        = "127.0.0.1:4580"
	gatewayListen     = "127.0.0.1:8080"
	demoGatewayListen = "127.0.0.1:8080" // as the README shows it; any free port where this one is taken
)

// usualListen is the address that the flag of a command has when nothing is given.
var usualListen = map[string]string{
	"forebay serve --listen": serveListen, "forebay pool run --listen": poolListen, "forebay gateway --listen": gatewayListen,
	"forebay demo gateway --listen": demoGatewayListen, "forebay gateway --metrics-listen": "127.0.0.1:9464",
}

// listenFailure words why nothing can listen at the address, which is the value of a command's flag, such as
// "forebay serve --listen".
func listenFailure(flag, address string, err error) error {
	host, port, splitErr := net.SplitHostPort(address)
	if splitErr != nil {
		host = "127.0.0.1"
	}
	_, usual, _ := net.SplitHostPort(usualListen[flag])
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		f := &failure{code: exitConflict, what: address + " is in use", err: err}
		if flag == "forebay serve --listen" {
			f.hints = append(f.hints, "Another Forebay, LocalStack, MiniStack or Floci may be running (they share this port).")
		}
		f.hints = append(f.hints, "Use another port:  "+flag+" "+net.JoinHostPort(host, portAfter(usual, port)))
		return f
	case errors.Is(err, syscall.EACCES):
		return &failure{code: exitDenied, what: "this user may not listen on " + address, err: err, hints: []string{
			"Use a port above 1023:  " + flag + " " + net.JoinHostPort(host, usual)}}
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return &failure{code: exitUsage, what: "this machine has no address " + host, err: err, hints: []string{
			"Use one that it has:  " + flag + " " + usualListen[flag]}}
	}
	return &failure{code: exitFailed, what: err.Error(), err: err,
		hints: []string{"Choose an address with " + flag[strings.Index(flag, "--"):]}}
}

// portAfter is a port that is not the one taken: the next after the usual one.
func portAfter(usual, taken string) string {
	n, err := strconv.Atoi(usual)
	if err != nil {
		return usual
	}
	if next := strconv.Itoa(n + 1); next != taken {
		return next
	}
	return strconv.Itoa(n + 2)
}

// listenUsual listens at address. Where given is false the user has named none, and any free port of this machine will
// do when it is taken; the listener knows which.
func listenUsual(address string, given bool) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err == nil || given || !errors.Is(err, syscall.EADDRINUSE) {
		return listener, err
	}
	return net.Listen("tcp", "127.0.0.1:0")
}
