package sim

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"
)

// source makes the source of chance for one purpose, so that what one part draws never moves what another gets.
func source(seed uint64, purpose string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(purpose))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// lognormal draws times with a mean and a coefficient of variation.
type lognormal struct{ mu, sigma float64 }

func newLognormal(mean time.Duration, cv float64) lognormal {
	variance := math.Log1p(cv * cv)
	return lognormal{mu: math.Log(mean.Seconds()) - variance/2, sigma: math.Sqrt(variance)}
}

func (l lognormal) draw(r *rand.Rand) time.Duration {
	return seconds(math.Exp(l.mu + l.sigma*r.NormFloat64()))
}

// seconds is a time of so many seconds.
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// exponential draws the time to the next event of a Poisson process.
func exponential(r *rand.Rand, mean time.Duration) time.Duration {
	return time.Duration(r.ExpFloat64() * float64(mean))
}
