// Command thumbnails makes thumbnails of a folder of photos, with a pool of workers that starts from zero.
//
// It sends a message for each thumbnail, runs a pool whose workers are this program once more, and shows on a page how
// far they are. See its README.
package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/forebay-mq/forebay/examples/internal/jobs"
	"github.com/forebay-mq/forebay/examples/internal/local"
)

// The folders of a worker are in its environment, so that the pool's file needs to know nothing of them.
const (
	photosVariable  = "THUMBNAILS_PHOTOS"
	resultsVariable = "THUMBNAILS_RESULTS"
)

//go:embed pools.toml
var poolsFile []byte

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := run(ctx, os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "thumbnails:", err)
		os.Exit(1)
	}
}

// run is either role of the program.
func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "work" {
		return work(ctx, args[1:])
	}
	return serve(ctx, args)
}

// settings are what the flags say.
type settings struct {
	local           local.Options
	photos, results string
	listen          string
	samples         int
	once            bool
}

func parseSettings(args []string) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("thumbnails", flag.ContinueOnError)
	kept := local.Keep("thumbnails", "forebay-thumbnails")
	flags.StringVar(&s.photos, "photos", filepath.Join(kept, "photos"), "`folder` of photos; samples are drawn into an empty one")
	flags.StringVar(&s.results, "results", filepath.Join(kept, "results"), "`folder` for the thumbnails")
	flags.IntVar(&s.samples, "samples", 16, "how many photos are drawn into an empty folder")
	flags.StringVar(&s.listen, "listen", "127.0.0.1:8082", "`address` of the page")
	flags.BoolVar(&s.once, "once", false, "end when all is done, instead of showing the page until Ctrl-C")
	flags.StringVar(&s.local.Endpoint, "endpoint", "", "`URL` of a server; without it one is started")
	flags.StringVar(&s.local.Program, "forebay", "", "`path` of the forebay program; without it one is built")
	verbose := flags.Bool("verbose", false, "show the logs of server, pool and workers")
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	if *verbose {
		s.local.Log = os.Stderr
	}
	if flags.NArg() > 0 {
		return settings{}, fmt.Errorf("%q is too much: see --help", flags.Arg(0))
	}
	return s, nil
}

// serve has thumbnails made of all photos, and shows how far that is.
func serve(ctx context.Context, args []string) (err error) {
	s, err := parseSettings(args)
	if err != nil {
		return err
	}
	folders, err := openFolders(s.photos, s.results)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folders.Close()) }()
	wanted, err := plan(folders, s.samples)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		return fmt.Errorf("%w; use another address with --listen", err)
	}
	defer listener.Close()

	forebay, err := local.Start(ctx, s.local)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, forebay.Close()) }()
	queue, err := openQueue(ctx)
	if err != nil {
		return err
	}
	p := newProgress(folders.results, wanted)
	if p.pool, err = startPool(ctx, forebay, s); err != nil {
		return err
	}
	page := &http.Server{Handler: pageHandler(p, folders.results), ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Minute}
	go page.Serve(listener) // until Close
	defer page.Close()
	fmt.Printf("%d thumbnails to make; see http://%s/\n", len(wanted), listener.Addr())

	began := time.Now()
	if err := jobs.Send(ctx, queue, wanted); err != nil {
		return err
	}
	if err := p.follow(ctx, queue); err != nil {
		return endOf(ctx, err)
	}
	p.report(os.Stdout, time.Since(began))
	if !s.once {
		fmt.Println("the page stays until Ctrl-C")
		<-ctx.Done()
	}
	return nil
}

// endOf is nil when err is only that somebody has pressed Ctrl-C.
func endOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// plan lists what is to be made: all thumbnails that are missing, or older than their photo.
func plan(f *Folders, samples int) ([]Job, error) {
	if err := f.sweep(); err != nil {
		return nil, err
	}
	photos, err := f.photoNames()
	if err == nil && len(photos) == 0 {
		fmt.Printf("drawing %d photos into %s\n", samples, f.photos.Name())
		if err = makeSamples(f.photos, samples); err == nil {
			photos, err = f.photoNames()
		}
	}
	if err != nil {
		return nil, err
	}
	var wanted []Job
	run := rand.Text()
	for _, photo := range photos {
		for _, j := range jobsFor(photo) {
			current, err := f.current(j)
			if err != nil {
				return nil, err
			}
			if j.Run = run; !current {
				wanted = append(wanted, j)
			}
		}
	}
	return wanted, nil
}

// startPool runs the pool, whose workers are this program, found by its name. It returns where the pool tells how it is.
func startPool(ctx context.Context, f *local.Forebay, s settings) (url string, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	photos, err := filepath.Abs(s.photos)
	if err != nil {
		return "", err
	}
	results, err := filepath.Abs(s.results)
	if err != nil {
		return "", err
	}
	for name, value := range map[string]string{
		photosVariable: photos, resultsVariable: results,
		"PATH": filepath.Dir(self) + string(filepath.ListSeparator) + os.Getenv("PATH"),
	} {
		if err := os.Setenv(name, value); err != nil {
			return "", err
		}
	}
	file := filepath.Join(f.Folder(), "pools.toml")
	if err := os.WriteFile(file, poolsFile, 0o600); err != nil {
		return "", err
	}
	return f.Pool(ctx, file)
}

// report says what has become of the work.
func (p *Progress) report(w io.Writer, took time.Duration) {
	s := p.now()
	fmt.Fprintf(w, "%d of %d thumbnails made in %s, %d given up\n", s.Done, s.Total, took.Round(10*time.Millisecond), len(s.Failures))
	for _, f := range s.Failures {
		fmt.Fprintf(w, "  %s: %s\n", f.Result, f.Reason)
	}
}
