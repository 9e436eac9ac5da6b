// Command transcode converts sound files, those that somebody waits for before all others.
//
// It has two queues, and one set of places in which jobs of both are worked on. See its README.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/forebay-mq/forebay/examples/internal/jobs"
	"github.com/forebay-mq/forebay/examples/internal/local"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "transcode:", err)
		os.Exit(1)
	}
}

// settings are what the flags say.
type settings struct {
	local   local.Options
	convert converter
	rate    int
	format  string
	places  int
	samples int
	once    bool
}

func parseSettings(args []string) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("transcode", flag.ContinueOnError)
	kept := local.Keep("transcode", "forebay-transcode")
	flags.StringVar(&s.convert.input, "input", filepath.Join(kept, "input"), "`folder` with the folders interactive and batch; tones are made when it is missing")
	flags.StringVar(&s.convert.output, "output", filepath.Join(kept, "output"), "`folder` for what is converted")
	flags.IntVar(&s.rate, "rate", 16_000, "samples a second of the output")
	flags.StringVar(&s.format, "format", "wav", "`ending` of the output files; others than wav need ffmpeg")
	flags.IntVar(&s.places, "places", runtime.GOMAXPROCS(0), "how many files are converted at once")
	flags.IntVar(&s.samples, "samples", 24, "how many long tones are made")
	flags.BoolVar(&s.once, "once", false, "end when all is done, instead of waiting for further jobs until Ctrl-C")
	ffmpeg := flags.String("ffmpeg", "ffmpeg", "`path` of ffmpeg; off does without")
	flags.StringVar(&s.local.Endpoint, "endpoint", "", "`URL` of a server; without it one is started")
	flags.StringVar(&s.local.Program, "forebay", "", "`path` of the forebay program; without it one is built")
	verbose := flags.Bool("verbose", false, "show the log of the server")
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	if *verbose {
		s.local.Log = os.Stderr
	}
	switch {
	case flags.NArg() > 0:
		return settings{}, fmt.Errorf("%q is too much: see --help", flags.Arg(0))
	case s.places < 1 || s.places > placesMax:
		return settings{}, fmt.Errorf("--places %d is not between 1 and %d", s.places, placesMax)
	}
	var err error
	s.convert.ffmpeg, err = findFFmpeg(*ffmpeg)
	return s, err
}

// run converts all files that are there, and unless it is for once, what is sent later.
func run(ctx context.Context, args []string) (err error) {
	s, err := parseSettings(args)
	if err != nil {
		return err
	}
	all, err := plan(s)
	if err != nil {
		return err
	}
	forebay, err := local.Start(ctx, s.local)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, forebay.Close()) }()
	client, err := jobs.NewClient(ctx)
	if err != nil {
		return err
	}
	var queues [lanes]*jobs.Queue
	for _, l := range []lane{batch, interactive} { // the urgent ones come last, and still go first
		if queues[l], err = jobs.Open(ctx, client, "transcode-"+l.String(), "transcode-failed"); err != nil {
			return err
		}
		if err := jobs.Send(ctx, queues[l], all[l]); err != nil {
			return err
		}
	}
	fmt.Printf("%d interactive and %d batch jobs, %d at once, by %s\n", len(all[interactive]), len(all[batch]), s.places, &s.convert)
	f := newFactory(&s.convert, s.places, slices.Concat(all[interactive], all[batch]))
	if err := f.run(ctx, queues, s.once); err != nil {
		return err
	}
	f.report(os.Stdout)
	return nil
}

// plan lists the files to convert, by lane.
func plan(s settings) (all [lanes][]Job, err error) {
	if _, err := os.Stat(s.convert.input); errors.Is(err, fs.ErrNotExist) {
		fmt.Printf("making %d long tones and some short ones in %s\n", s.samples, s.convert.input)
		if err := makeTones(s.convert.input, s.samples); err != nil {
			return all, err
		}
	}
	for l := range lanes {
		entries, err := os.ReadDir(filepath.Join(s.convert.input, l.String()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return all, err
		}
		for _, entry := range entries {
			if name := entry.Name(); entry.Type().IsRegular() && !strings.HasPrefix(name, ".") {
				all[l] = append(all[l], Job{Input: path.Join(l.String(), name),
					Output: path.Join(l.String(), strings.TrimSuffix(name, filepath.Ext(name))+"."+s.format), Rate: s.rate})
			}
		}
	}
	return all, nil
}
