package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/forebay-mq/forebay/examples/internal/jobs"
	"github.com/forebay-mq/forebay/worker"
)

// Job is what a message says: which file to convert, into which, and to how many samples a second. Names are relative to
// the folders of the program.
type Job struct {
	Input  string `json:"input"`
	Output string `json:"output"`
	Rate   int    `json:"rate"`
}

// parseJob reads a message. Whoever may send can write anything, so all of it is checked.
func parseJob(body string) (Job, error) {
	j, err := jobs.Decode[Job](body)
	switch {
	case err != nil:
		return Job{}, err
	case !filepath.IsLocal(j.Input) || !filepath.IsLocal(j.Output):
		return Job{}, fmt.Errorf("input %q and output %q must be names inside the folders", j.Input, j.Output)
	case j.Rate < 1 || j.Rate > rateMax:
		return Job{}, fmt.Errorf("a rate of %d is not between 1 and %d", j.Rate, rateMax)
	}
	return j, nil
}

// converter converts files between two folders: by ffmpeg, or by itself when there is none.
type converter struct {
	input, output string // folders
	ffmpeg        string // path of the program; empty when there is none
}

// findFFmpeg returns the path of ffmpeg, and nothing when it is not wanted or not there.
func findFFmpeg(wanted string) (string, error) {
	if wanted == "off" {
		return "", nil
	}
	path, err := exec.LookPath(wanted)
	if errors.Is(err, exec.ErrNotFound) && wanted == "ffmpeg" {
		return "", nil
	}
	return path, err
}

// String says who converts.
func (c *converter) String() string {
	if c.ffmpeg != "" {
		return c.ffmpeg
	}
	return "a resampler in Go (WAV alone, since there is no ffmpeg)"
}

// inputBytesMax bounds what is read into memory.
const inputBytesMax = 512 << 20

// begun is what the names of files begin with that are not complete.
const begun = ".begun-"

// convert does a job. The output gets its name when all of it is on the disk, and never with less.
func (c *converter) convert(ctx context.Context, j Job) error {
	input, output := filepath.Join(c.input, j.Input), filepath.Join(c.output, j.Output)
	if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
		return err
	}
	temporary := filepath.Join(filepath.Dir(output), begun+rand.Text()+filepath.Ext(output)) // ffmpeg goes by the ending
	convert := resampleFile
	if c.ffmpeg != "" {
		convert = c.runFFmpeg
	}
	err := convert(ctx, input, temporary, j.Rate)
	if err == nil {
		err = onDisk(temporary)
	}
	if err == nil {
		err = os.Rename(temporary, output)
	}
	if err != nil {
		_ = os.Remove(temporary) // most often it was not made
		return fmt.Errorf("%s: %w", j.Input, err)
	}
	return nil
}

// hopeless is a failure that will not get better by waiting: the message comes back at once, and so reaches the
// dead-letter queue soon. Other failures come back with backoff.
func hopeless(err error) error { return worker.Retry(0, err) }

// onDisk returns when the system has the file on the disk.
func onDisk(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// runFFmpeg converts whatever ffmpeg can read.
func (c *converter) runFFmpeg(ctx context.Context, input, output string, rate int) error {
	cmd := exec.CommandContext(ctx, c.ffmpeg, "-nostdin", "-v", "error", "-y", "-i", "file:"+input, "-vn", "-ar", strconv.Itoa(rate), "file:"+output)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ffmpeg: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// resampleFile converts a WAV file.
func resampleFile(_ context.Context, input, output string, rate int) error {
	if filepath.Ext(output) != ".wav" {
		return fmt.Errorf("%s files cannot be written without ffmpeg, only .wav", filepath.Ext(output))
	}
	about, err := os.Stat(input)
	if err != nil {
		return err
	}
	if about.Size() > inputBytesMax {
		return fmt.Errorf("%d bytes: without ffmpeg at most %d are read", about.Size(), inputBytesMax)
	}
	file, err := os.ReadFile(input)
	if err != nil {
		return err
	}
	s, err := parseWAV(file)
	if err != nil {
		return hopeless(err)
	}
	if s, err = s.resampled(rate); err != nil {
		return hopeless(err)
	}
	return os.WriteFile(output, formatWAV(s), 0o644)
}
