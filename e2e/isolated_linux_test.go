package e2e

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// namespaceOf is what the script says about where the backend is.
var namespaceOf = regexp.MustCompile(`(?m)^backend .* in network namespace (\S+), without a port$`)

// TestGuestbookWorksWhereNothingCanConnect runs the backend in a network namespace whose firewall drops what wants in.
func TestGuestbookWorksWhereNothingCanConnect(t *testing.T) {
	if os.Getenv("FOREBAY_ROOT_TESTS") != "1" {
		t.Skip("it makes a network namespace: set FOREBAY_ROOT_TESTS=1 as root, with iproute2 and nftables")
	}
	name := ""
	t.Cleanup(func() { // after the script has ended
		if _, err := os.Stat("/run/netns/" + name); name != "" && err == nil {
			t.Errorf("the script has left the network namespace %s", name)
		}
	})
	d, base := demo(t, "--isolate")
	said := namespaceOf.FindStringSubmatch(d.output.tail(4000))
	if said == nil {
		t.Fatalf("the script does not say which namespace it made:\n%s", d.output.tail(4000))
	}
	name = said[1]
	sign(t, base)

	if open := inNamespace(t, name, "ss", "-H", "-t", "-u", "-l", "-n"); open != "" {
		t.Errorf("the backend has open ports:\n%s", open)
	}
	// What the backend does not do, the test does: it listens there. Who is inside can connect, who is outside cannot.
	var listener net.Listener
	within(t, name, func() (err error) {
		listener, err = net.Listen("tcp4", "0.0.0.0:0")
		return err
	})
	defer listener.Close()
	address := netip.AddrPortFrom(addressIn(t, name), uint16(listener.Addr().(*net.TCPAddr).Port)).String()
	within(t, name, func() error { return connect(address) })
	before := droppedIn(t, name)
	if err := connect(address); !os.IsTimeout(err) {
		t.Errorf("connect to %s from outside: %v, want that nothing answers", address, err)
	}
	if after := droppedIn(t, name); after == before {
		t.Errorf("the firewall has dropped %s packets before and after somebody wanted in", before)
	}
}

// connect opens a connection and closes it.
func connect(address string) error {
	conn, err := net.DialTimeout("tcp", address, 2*time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

// within runs f on a thread that is in the namespace and ends with f, so that what f opens is there.
func within(t *testing.T, name string, f func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is not used again
		namespace, err := os.Open("/run/netns/" + name)
		if err != nil {
			done <- err
			return
		}
		defer namespace.Close()
		if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	if err := <-done; err != nil {
		t.Fatalf("in namespace %s: %v", name, err)
	}
}

// inNamespace returns what a command prints there.
func inNamespace(t *testing.T, name string, command ...string) string {
	t.Helper()
	out, err := exec.Command("ip", append([]string{"netns", "exec", name}, command...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v in namespace %s: %v\n%s", command, name, err, out)
	}
	return string(out)
}

// dropped matches the firewall's counter.
var dropped = regexp.MustCompile(`counter packets (\d+)`)

func droppedIn(t *testing.T, name string) string {
	t.Helper()
	rules := inNamespace(t, name, "nft", "list", "table", "inet", "guestbook")
	found := dropped.FindStringSubmatch(rules)
	if found == nil {
		t.Fatalf("the firewall does not count:\n%s", rules)
	}
	return found[1]
}

// linkAddress matches the address of the namespace on its cable.
var linkAddress = regexp.MustCompile(`inet ([0-9.]+)/30`)

func addressIn(t *testing.T, name string) netip.Addr {
	t.Helper()
	shown := inNamespace(t, name, "ip", "-4", "address", "show", "dev", "inside")
	found := linkAddress.FindStringSubmatch(shown)
	if found == nil {
		t.Fatalf("the namespace has no address:\n%s", shown)
	}
	return netip.MustParseAddr(found[1])
}
