package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gominer/hasher"
	"gominer/miner"
)

// Stack compares the hash rate of everything together, miner, device and kernel
// on a job such as pools give, with that of the kernel alone, on as many threads
// and in turn. A ratio of 1 is an engine that costs nothing.
type Stack struct {
	Kernel    string    `json:"kernel"`
	Threads   int       `json:"threads"`
	Runs      int       `json:"runs"` // of each
	Bare      float64   `json:"bare_hs"`
	Whole     float64   `json:"stack_hs"`
	Ratio     float64   `json:"ratio"`     // the median of the runs' ratios
	Low       float64   `json:"ratio_q1"`  // a quarter of the runs is below
	High      float64   `json:"ratio_q3"`  // a quarter of the runs is above
	RatioCPU  float64   `json:"ratio_cpu"` // the same by hashes to a second of CPU time, whoever spent it
	Shares    uint64    `json:"shares"`    // that came, were checked and were taken
	Ratios    []float64 `json:"ratios"`
	RatiosCPU []float64 `json:"ratios_cpu"`

	bare, whole []float64
}

// add counts a run of each.
func (s *Stack) add(bare, whole measurement) {
	s.Runs++
	s.bare, s.whole = append(s.bare, bare.rate()), append(s.whole, whole.rate())
	s.Ratios = append(s.Ratios, whole.rate()/bare.rate())
	s.RatiosCPU = append(s.RatiosCPU, whole.ratePerCPU()/bare.ratePerCPU())
	s.Bare, s.Whole = median(s.bare), median(s.whole)
	s.Ratio, s.RatioCPU = median(s.Ratios), median(s.RatiosCPU)
	sorted := slices.Sorted(slices.Values(s.Ratios))
	s.Low, s.High = quantile(sorted, 0.25), quantile(sorted, 0.75)
}

// stackTime is how long the two are measured in turn at the most: a machine whose
// speed drifts does so more slowly, so that many short pairs tell more than a few
// long ones that take as long.
const stackTime = 500 * time.Millisecond

// stackRuns returns how many pairs are measured, and for how long each half.
func (cfg *Config) stackRuns() (pairs int, each time.Duration) {
	each = min(cfg.Time, stackTime)
	return cfg.Runs * int(cfg.Time/each), each
}

// shareEvery is how often a share comes, about.
const shareEvery = 500 * time.Millisecond

// measureStack is measure for a whole miner, whose hash rate is known to be about
// rate, in H/s. The CPU time is that of the whole process.
func (c *Case) measureStack(ctx context.Context, d time.Duration, rate float64) (m measurement, shares uint64, err error) {
	target, err := hasher.TargetFromDifficulty(max(rate*shareEvery.Seconds()/(1<<32), minShareDifficulty))
	if err != nil {
		return m, 0, fmt.Errorf("stack: %w", err)
	}
	device, err := c.device()
	if err != nil {
		return m, 0, fmt.Errorf("stack: %w", err)
	}
	engine, stop := mine(ctx, device, func(_ context.Context, s *miner.Session) { s.Publish(job(1, target)) })
	defer stop()
	wait(ctx, warmUp(d))
	before, start := engine.Snapshot(), time.Now()
	cpu, told := processCPU()
	wait(ctx, d)
	after, end := engine.Snapshot(), time.Now()
	m.hashes, m.wall = after.Hashes-before.Hashes, end.Sub(start)
	m.cpu = m.wall * time.Duration(c.Threads)
	if now, ok := processCPU(); ok && told && now > cpu {
		m.cpu = now - cpu
	}
	if err := context.Cause(ctx); err != nil {
		return measurement{}, 0, err
	}
	return m, after.Shares.Accepted - before.Shares.Accepted, nil
}

// minShareDifficulty keeps shares rare whatever a first, short run has measured.
const minShareDifficulty = 1e-5
