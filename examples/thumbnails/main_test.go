//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/forebay-mq/forebay/examples/internal/jobs"
	"github.com/forebay-mq/forebay/examples/internal/local"
)

// bin is the folder with the programs under test: forebay and thumbnails.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		os.Exit(m.Run())
	}
	os.Exit(func() int {
		folder, err := os.MkdirTemp("", "forebay-thumbnails-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(folder)
		bin = folder
		if out, err := exec.Command("go", "build", "-ldflags", "-s -w", "-o", bin, ".", "../../cmd/forebay").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// thumbnails is the program with folders below base.
func thumbnails(ctx context.Context, base string, args ...string) *exec.Cmd {
	args = append([]string{"--forebay", filepath.Join(bin, "forebay"), "--listen", "127.0.0.1:0",
		"--photos", filepath.Join(base, "photos"), "--results", filepath.Join(base, "results")}, args...)
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "thumbnails"), args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	return cmd
}

// long skips a test that starts programs.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds and starts programs; run without -short")
	}
}

func TestAFolderOfPhotosBecomesThumbnails(t *testing.T) {
	long(t)
	base := t.TempDir()
	cmd := thumbnails(t.Context(), base, "--samples", "3")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	page, printed := "", ""
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "the page stays until Ctrl-C"; printed += lines.Text() + "\n" {
		if _, url, ok := strings.Cut(lines.Text(), "see "); ok {
			page = url
		}
	}
	if !strings.Contains(printed, "9 of 12 thumbnails made") || !strings.Contains(printed, "torn.jpg.grey.jpg: torn.jpg: ") {
		t.Fatalf("it printed\n%s%s", printed, errs.String())
	}
	if text := get(t, page); !strings.Contains(text, "<p>9 of 12 made, 3 given up.") || !strings.Contains(text, "<code>torn.jpg.square.jpg</code>: torn.jpg: ") {
		t.Errorf("the page is\n%s", text)
	}
	picture, _, err := image.Decode(strings.NewReader(get(t, page+"results/scene-01.jpg.square.jpg")))
	if err != nil || picture.Bounds() != image.Rect(0, 0, 160, 160) {
		t.Errorf("a thumbnail of the page: %v, %v", picture.Bounds(), err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("Ctrl-C ends it with %v\n%s", err, errs.String())
	}

	drawPNG(t, filepath.Join(base, "photos", "torn.jpg")) // Go looks at what is in a file, not at its name
	again, err := thumbnails(t.Context(), base, "--once").CombinedOutput()
	if err != nil || !strings.Contains(string(again), "3 of 3 thumbnails made") {
		t.Errorf("once more, with the torn photo mended: %v\n%s", err, again)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v", url, answer.Status, err)
	}
	return string(text)
}

// drawPNG puts a small photo where path says, at once.
func drawPNG(t *testing.T, path string) {
	t.Helper()
	folder, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	encode := func(w io.Writer) error { return png.Encode(w, scene(image.Pt(200, 150), 1)) }
	if err := save(folder, filepath.Base(path), encode); err != nil {
		t.Fatal(err)
	}
}

// ownQueue is the queue of the example, on a server that ends with the test, and that processes of the test find.
func ownQueue(t *testing.T) *jobs.Queue {
	t.Helper()
	forebay, err := local.Start(t.Context(), local.Options{Program: filepath.Join(bin, "forebay")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := forebay.Close(); err != nil {
			t.Error(err)
		}
	})
	queue, err := openQueue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return queue
}

// startWorker starts a worker of that queue, and returns the lines of its log.
func startWorker(t *testing.T) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "thumbnails"), "work", "--lease", "1s")
	log, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(log)
}

func TestAKilledWorkerRepeatsItsOwnJobAlone(t *testing.T) {
	long(t)
	queue := ownQueue(t)
	photos, results := t.TempDir(), t.TempDir()
	t.Setenv(photosVariable, photos)
	t.Setenv(resultsVariable, results)

	// A photo that is a pipe holds the first worker in the middle of its job.
	held := filepath.Join(photos, "held.png")
	if err := syscall.Mkfifo(held, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := jobs.Send(t.Context(), queue, jobsFor("held.png")[:1]); err != nil {
		t.Fatal(err)
	}
	first, _ := startWorker(t)
	pipe, err := os.OpenFile(held, os.O_WRONLY, 0) // returns when the worker reads
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(); err == nil {
		t.Fatal("the worker was not killed in the middle")
	}
	pipe.Close()

	drawPNG(t, held)
	drawPNG(t, filepath.Join(photos, "other.png"))
	if err := jobs.Send(t.Context(), queue, jobsFor("other.png")); err != nil {
		t.Fatal(err)
	}
	second, lines := startWorker(t)
	log := ""
	for made := 0; lines.Scan(); log += lines.Text() + "\n" {
		if made += strings.Count(lines.Text(), " made "); made == 4 {
			_ = second.Process.Signal(syscall.SIGTERM) // when it has ended, Wait tells
		}
	}
	if err := second.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	for _, want := range []string{
		"result=held.png.square.jpg receives=2",
		"result=other.png.square.jpg receives=1", "result=other.png.grey.jpg receives=1", "result=other.png.upright.jpg receives=1",
	} {
		if strings.Count(log, want) != 1 {
			t.Errorf("the second worker does not say once %q\n%s", want, log)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(results, begun+"*")); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

func TestThePoolOfTheExampleWorksOnTheQueueOfTheExample(t *testing.T) {
	for _, want := range []string{"[pools." + queueName + "]", `queue   = "` + queueName + `"`} {
		if !strings.Contains(string(poolsFile), want) {
			t.Errorf("pools.toml has no %q", want)
		}
	}
	if j, err := json.Marshal(jobsFor("a.jpg")[0]); err != nil {
		t.Fatal(err)
	} else if _, err := parseJob(string(j)); err != nil {
		t.Errorf("a job of its own is refused: %v", err)
	}
}
