package sim

import (
	"math"
	"math/rand/v2"
	"time"
)

// Generator makes arrivals of one kind.
type Generator struct {
	Name  string
	About string // one line for people

	arrivals func(r *rand.Rand, length time.Duration) []time.Duration
}

// Trace makes the arrivals of one seed, with service times.
func (g Generator) Trace(seed uint64, length time.Duration, times Times) Trace {
	return arranged(g.Name, length, g.arrivals(source(seed, g.Name), length), times, seed)
}

// Generators are the six kinds of load that the comparison is made on.
func Generators() []Generator {
	return []Generator{
		{Name: "steady", About: "4 messages a second, at random", arrivals: steady},
		{Name: "diurnal", About: "a day's wave around 2.2 a second, and four flash crowds of 14 a second for 10 minutes", arrivals: diurnal},
		{Name: "mmpp", About: "on and off: 16 a second for about 5 minutes, then 0.15 a second for about 25", arrivals: onOff},
		{Name: "batch", About: "upload sessions of 8 to 800 messages, a few of them large (Pareto)", arrivals: sessions},
		{Name: "nightly", About: "6,000 within half a minute every six hours, and one every 5 seconds", arrivals: nightly},
		{Name: "sparse", About: "one message in three minutes", arrivals: sparse},
	}
}

// poisson adds arrivals at a steady rate between two times.
func poisson(r *rand.Rand, at []time.Duration, from, to time.Duration, perSecond float64) []time.Duration {
	gap := seconds(1 / perSecond)
	for t := from + exponential(r, gap); t < to; t += exponential(r, gap) {
		at = append(at, t)
	}
	return at
}

func steady(r *rand.Rand, length time.Duration) []time.Duration {
	return poisson(r, nil, 0, length, 4)
}

func sparse(r *rand.Rand, length time.Duration) []time.Duration {
	return poisson(r, nil, 0, length, 1.0/180)
}

// diurnal thins a steady stream to a wave with its low at the beginning, then adds the crowds.
func diurnal(r *rand.Rand, length time.Duration) []time.Duration {
	const mean, swing = 2.2, 0.8
	var at []time.Duration
	for _, t := range poisson(r, nil, 0, length, mean*(1+swing)) {
		rate := 1 - swing*math.Cos(2*math.Pi*t.Hours()/24)
		if r.Float64()*(1+swing) < rate {
			at = append(at, t)
		}
	}
	const crowds, crowd, lasts = 4, 14, 10 * time.Minute
	for range crowds {
		from := time.Duration(r.Float64() * float64(length-lasts))
		at = poisson(r, at, from, from+lasts, crowd)
	}
	return at
}

func onOff(r *rand.Rand, length time.Duration) []time.Duration {
	const onMean, offMean = 5 * time.Minute, 25 * time.Minute
	var at []time.Duration
	for t := time.Duration(0); t < length; {
		off := exponential(r, offMean)
		at = poisson(r, at, t, t+off, 0.15)
		t += off
		on := exponential(r, onMean)
		at = poisson(r, at, t, t+on, 16)
		t += on
	}
	return at
}

// sessions sends the messages of a session one shortly after the other, as an upload of photos does.
func sessions(r *rand.Rand, length time.Duration) []time.Duration {
	const gap, sizeMin, sizeMax, shape = time.Minute, 8, 800, 1.1
	const pace = 30 * time.Millisecond
	var at []time.Duration
	for t := exponential(r, gap); t < length; t += exponential(r, gap) {
		for i := range pareto(r, sizeMin, sizeMax, shape) {
			at = append(at, t+time.Duration(i)*pace)
		}
	}
	return at
}

// pareto draws a number from a Pareto distribution; what is above high becomes high.
func pareto(r *rand.Rand, low, high int, shape float64) int {
	return int(min(float64(low)/math.Pow(1-r.Float64(), 1/shape), float64(high)))
}

func nightly(r *rand.Rand, length time.Duration) []time.Duration {
	const every, size, within = 6 * time.Hour, 6000, 30 * time.Second
	at := poisson(r, nil, 0, length, 0.2)
	for t := every / 2; t < length; t += every {
		for range size {
			at = append(at, t+time.Duration(r.Float64()*float64(within)))
		}
	}
	return at
}
