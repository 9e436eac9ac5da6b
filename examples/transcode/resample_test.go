package main

import (
	"fmt"
	"math"
	"testing"
)

// sine is one second of a tone.
func sine(rate int, frequency float64) []float64 {
	out := make([]float64, rate)
	for n := range out {
		out[n] = math.Sin(2 * math.Pi * frequency * float64(n) / float64(rate))
	}
	return out
}

// quiet is the error that a good resampler may make: 80 dB below full scale.
const quiet = 1e-4

// middle leaves out the ends, where the filter reaches into silence.
func middle(n int) (from, to int) { return n / 10, n - n/10 }

func TestATonePassesUnchanged(t *testing.T) {
	for _, rates := range [][2]int{{44100, 16000}, {48000, 44100}, {44100, 48000}, {8000, 44100}, {16000, 48000}, {96000, 8000}, {22050, 22050}} {
		from, to := rates[0], rates[1]
		r, err := newResampler(from, to)
		if err != nil {
			t.Fatal(err)
		}
		for _, share := range []float64{0.01, 0.25, 0.89} { // of the band that both rates can hold
			frequency := share * float64(min(from, to)) / 2
			t.Run(fmt.Sprintf("%d to %d, %.0f Hz", from, to, frequency), func(t *testing.T) {
				got, want := r.resample(sine(from, frequency)), sine(to, frequency)
				if len(got) != len(want) {
					t.Fatalf("a second became %d samples", len(got))
				}
				worst := 0.0
				for n, end := middle(to); n < end; n++ {
					worst = max(worst, math.Abs(got[n]-want[n]))
				}
				if worst > quiet {
					t.Errorf("it is off by up to %g, %.0f dB", worst, 20*math.Log10(worst))
				}
			})
		}
	}
}

func TestWhatTheNewRateCannotHoldIsGone(t *testing.T) {
	r, err := newResampler(44100, 16000)
	if err != nil {
		t.Fatal(err)
	}
	for _, frequency := range []float64{8000, 8500, 10000, 15000, 21000} {
		got, worst := r.resample(sine(44100, frequency)), 0.0
		for n, end := middle(len(got)); n < end; n++ {
			worst = max(worst, math.Abs(got[n]))
		}
		if worst > quiet {
			t.Errorf("of %.0f Hz is left %g, %.0f dB", frequency, worst, 20*math.Log10(worst))
		}
	}
}

func TestTheFilterIsSymmetric(t *testing.T) {
	r, err := newResampler(44100, 16000)
	if err != nil {
		t.Fatal(err)
	}
	in := make([]float64, 4411)
	in[2205] = 1 // in the middle, and at 2205/441*160 = 800 of the output
	out := r.resample(in)
	for k := range 400 {
		if a, b := out[800-k], out[800+k]; math.Abs(a-b) > 1e-12 {
			t.Fatalf("%d before it is %g and after it %g", k, a, b)
		}
	}
	if out[800] < 0.3 {
		t.Errorf("the peak is %g: nothing was tested", out[800])
	}
}

func TestRatesThatMakeNoFilter(t *testing.T) {
	for _, rates := range [][2]int{{44100, 0}, {-1, 8000}, {44100, 44101}} {
		if _, err := newResampler(rates[0], rates[1]); err == nil {
			t.Errorf("%v is taken", rates)
		}
	}
}
