package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestAllFilesAreConverted(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds and starts programs; run without -short")
	}
	base := t.TempDir()
	program := filepath.Join(base, "transcode.exe") // an ending that every system takes
	if out, err := exec.Command("go", "build", "-ldflags", "-s -w", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	output := filepath.Join(base, "output")
	cmd := exec.CommandContext(t.Context(), program, "--once", "--samples", "4", "--ffmpeg", "off",
		"--input", filepath.Join(base, "input"), "--output", output)
	out, err := cmd.CombinedOutput() // it builds forebay by itself
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"interactive 1 converted", "batch       4 converted", "given up    batch/torn.wav: batch/torn.wav: it is cut short"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("it does not print %q\n%s", want, out)
		}
	}
	for name, seconds := range map[string]int{"interactive/short-01.wav": 2, "batch/long-04.wav": 10} {
		file, err := os.ReadFile(filepath.Join(output, name))
		if err != nil {
			t.Error(err)
			continue
		}
		s, err := parseWAV(file)
		if err != nil || s.rate != 16000 || len(s.channels[0]) != 16000*seconds || slices.Max(s.channels[0]) < 0.5 {
			t.Errorf("%s is not %d seconds of a tone: %v", name, seconds, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(output, "*", begun+"*")); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// converterFor is a converter of a folder with one sound, a.wav.
func converterFor(t *testing.T, ffmpeg string) *converter {
	t.Helper()
	c := &converter{input: t.TempDir(), output: t.TempDir(), ffmpeg: ffmpeg}
	if err := os.WriteFile(filepath.Join(c.input, "a.wav"), formatWAV(tone(0, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFFmpegConvertsWhatItKnows(t *testing.T) {
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("there is no ffmpeg here")
	}
	c := converterFor(t, path)
	if err := c.convert(t.Context(), Job{"a.wav", "there.flac", 16000}); err != nil {
		t.Fatal(err)
	}
	back := &converter{input: c.output, output: c.output, ffmpeg: path}
	if err := back.convert(t.Context(), Job{"there.flac", "back.wav", 16000}); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(c.output, "back.wav"))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := parseWAV(file); err != nil || s.rate != 16000 || len(s.channels[0]) < 15_900 {
		t.Errorf("a second of sound through FLAC: %+v, %v", s, err)
	}
}

func TestFFmpegIsAskedInItsWords(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the stand-in for ffmpeg is a shell script")
	}
	script := filepath.Join(t.TempDir(), "ffmpeg")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nfor last; do :; done\necho \"$@\" >\"${last#file:}\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := converterFor(t, script)
	if err := c.convert(t.Context(), Job{"a.wav", "deep/b.flac", 16000}); err != nil {
		t.Fatal(err)
	}
	words, err := os.ReadFile(filepath.Join(c.output, "deep", "b.flac"))
	want := "-i file:" + filepath.Join(c.input, "a.wav") + " -vn -ar 16000 file:" + filepath.Join(c.output, "deep", begun)
	if err != nil || !strings.Contains(string(words), want) {
		t.Errorf("ffmpeg was asked %q (%v), want %q in it", words, err, want)
	}
}

func TestWithoutFFmpegOnlyWAVIsWritten(t *testing.T) {
	c := converterFor(t, "")
	if err := c.convert(t.Context(), Job{"a.wav", "a.flac", 16000}); err == nil || !strings.Contains(err.Error(), ".flac files cannot be written without ffmpeg") {
		t.Errorf("the error is %v", err)
	}
	if entries, _ := os.ReadDir(c.output); len(entries) > 0 {
		t.Errorf("%v is left", entries)
	}
}

func TestJobsThatAreRefused(t *testing.T) {
	for body, want := range map[string]string{
		"hello":      "no job",
		`{"in":"a"}`: `"in"`,
		`{"input":"../a","output":"b","rate":8000}`:   "inside",
		`{"input":"a","output":"/etc/b","rate":8000}`: "inside",
		`{"input":"a","output":"b"}`:                  "a rate of 0",
	} {
		if _, err := parseJob(body); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want one with %q", body, err, want)
		}
	}
}
