package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
)

const toneRate = 44_100 // samples a second, as on a CD

// makeTones fills the folders of both lanes: many long sounds in batch and a few short ones in interactive. One of batch is
// cut short, to see what becomes of such.
func makeTones(folder string, n int) error {
	for _, l := range []lane{interactive, batch} {
		if err := os.MkdirAll(filepath.Join(folder, l.String()), 0o755); err != nil {
			return err
		}
	}
	for i := range n {
		file := formatWAV(tone(i, 10))
		if err := os.WriteFile(filepath.Join(folder, batch.String(), fmt.Sprintf("long-%02d.wav", i+1)), file, 0o644); err != nil {
			return err
		}
	}
	for i := range (n + 3) / 4 {
		file := formatWAV(tone(i+7, 2))
		if err := os.WriteFile(filepath.Join(folder, interactive.String(), fmt.Sprintf("short-%02d.wav", i+1)), file, 0o644); err != nil {
			return err
		}
	}
	torn := formatWAV(tone(0, 1))
	return os.WriteFile(filepath.Join(folder, batch.String(), "torn.wav"), torn[:len(torn)/2], 0o644)
}

// tone is a chord that fades away, on the given step of the scale.
func tone(step, seconds int) *sound {
	out := make([]float64, seconds*toneRate)
	root := 220 * math.Pow(2, float64(step%24)/12)
	for n := range out {
		t := float64(n) / toneRate
		for _, interval := range []float64{1, 1.25, 1.5} {
			out[n] += 0.25 * math.Sin(2*math.Pi*root*interval*t)
		}
		out[n] *= math.Exp(-2 * t / float64(seconds))
	}
	return &sound{rate: toneRate, channels: [][]float64{out}}
}
