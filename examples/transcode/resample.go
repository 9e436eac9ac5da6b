package main

import (
	"fmt"
	"math"
)

// What the filter of a resampler does, for any two rates.
const (
	stopBand   = 96.0    // decibels by which it damps what the lower rate cannot hold
	transition = 0.1     // share of the lower rate's band over which it goes from passing to damping
	filterMax  = 1 << 22 // coefficients
)

// resampler turns sound of one rate into sound of another. It is a windowed sinc of linear phase: all frequencies are
// delayed alike, and by nothing, since the filter looks as far ahead as back. Of the filter at the common multiple of both
// rates only those values are computed that meet a sample, sorted by phase.
type resampler struct {
	up, down int         // the ratio of the rates, in lowest terms
	half     int         // samples on each side that count
	phases   [][]float64 // up rows of 2*half coefficients, each of the sum 1
}

// newResampler makes one. Rates whose ratio has too large terms, as 44100 and 44101, are an error.
func newResampler(from, to int) (*resampler, error) {
	if from < 1 || to < 1 {
		return nil, fmt.Errorf("from %d to %d samples a second: both must be above 0", from, to)
	}
	divisor := gcd(from, to)
	r := &resampler{up: to / divisor, down: from / divisor}
	band := min(1, float64(to)/float64(from)) // of the input's band
	width := (stopBand - 8) / (2.285 * math.Pi * transition * band)
	if width*float64(r.up) > filterMax {
		return nil, fmt.Errorf("from %d to %d samples a second: their ratio is %d to %d, which would need a filter of more than %d values",
			from, to, r.up, r.down, filterMax)
	}
	r.half = int(math.Ceil(width / 2))
	cut := band * (1 - transition/2)
	for phase := range r.up {
		ahead := float64(phase) / float64(r.up)
		row, sum := make([]float64, 2*r.half), 0.0
		for i := range row {
			t := float64(i-r.half+1) - ahead
			row[i] = sinc(cut*t) * kaiser(t/float64(r.half))
			sum += row[i]
		}
		for i := range row {
			row[i] /= sum // a constant stays what it is
		}
		r.phases = append(r.phases, row)
	}
	return r, nil
}

// resample returns the sound at the new rate: sample n is for the time of in[n*down/up]. Before and after it is silence.
func (r *resampler) resample(in []float64) []float64 {
	out := make([]float64, (len(in)*r.up+r.down-1)/r.down)
	for n := range out {
		at, row := n*r.down/r.up, r.phases[n*r.down%r.up]
		first := at - r.half + 1 // the sample that meets row[0]
		sum := 0.0
		for i := max(0, -first); i < min(len(row), len(in)-first); i++ {
			sum += row[i] * in[first+i]
		}
		out[n] = sum
	}
	return out
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the window of that name, from -1 to 1, shaped for stopBand.
func kaiser(x float64) float64 {
	const beta = 0.1102 * (stopBand - 8.7)
	if x < -1 || x > 1 {
		return 0
	}
	return bessel(beta*math.Sqrt(1-x*x)) / bessel(beta)
}

// bessel is the modified Bessel function of the first kind and order zero, by its series.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-17*sum; k++ {
		term *= x * x / (4 * k * k)
		sum += term
	}
	return sum
}
