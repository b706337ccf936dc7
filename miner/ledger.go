package miner

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	recentOutcomes = 64 // kept for Snapshot
	mostReasons    = 64 // distinct reject reasons counted; a pool chooses their texts
	otherReasons   = "other"
)

// ledger counts everything that happens. Its lock is never held while anything
// else is waited for.
type ledger struct {
	mu      sync.Mutex
	started time.Time
	ended   time.Time // zero while running
	tally   Tally
	reasons map[string]uint64
	best    float64
	devices []deviceLedger
	sources []*SourceReport
	current *JobState
	recent  []Outcome // a ring once it is full
	next    int       // where the ring goes on
}

type deviceLedger struct {
	tally Tally
	meter meter
	err   error
}

func newLedger(devices []Device) *ledger {
	return &ledger{reasons: make(map[string]uint64), devices: make([]deviceLedger, len(devices))}
}

func (l *ledger) start(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.started = now
}

func (l *ledger) end(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = now
}

// verdict counts what the collector found on a job of the named source; Good
// shares count when answered.
func (l *ledger) verdict(source string, sh *Share, v Verdict) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if v != HardwareError {
		l.best = max(l.best, sh.Hash.Difficulty())
	}
	if v == Stale {
		l.sourceLocked(source).Shares.Stale++
	}
	for _, t := range []*Tally{&l.tally, &l.devices[sh.Device].tally} {
		switch v {
		case HardwareError:
			t.HardwareErrors++
		case Duplicate:
			t.Duplicates++
		case AboveTarget:
			t.AboveTarget++
		case Stale:
			t.Stale++
		}
	}
}

// outcome counts an answer and reports whether u is reached.
func (l *ledger) outcome(o Outcome, u Until) (reached bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.recent) < recentOutcomes {
		l.recent = append(l.recent, o)
	} else {
		l.recent[l.next] = o
	}
	l.next = (l.next + 1) % recentOutcomes
	tallies := []*Tally{&l.tally, &l.sourceLocked(o.Source).Shares, &l.devices[o.Share.Device].tally}
	var reject *Reject
	refused := errors.As(o.Err, &reject)
	for _, t := range tallies {
		switch {
		case o.Err == nil && o.Share.Block:
			t.Blocks++
			t.Accepted++
		case o.Err == nil:
			t.Accepted++
		case refused:
			t.Rejected++
		default:
			t.Lost++
		}
	}
	if refused {
		reason := reject.Error()
		if _, known := l.reasons[reason]; !known && len(l.reasons) >= mostReasons {
			reason = otherReasons
		}
		l.reasons[reason]++
	}
	return u.Shares > 0 && l.tally.Accepted >= u.Shares || u.Blocks > 0 && l.tally.Blocks >= u.Blocks
}

// sourceLocked returns the report of the source of that name, a new one if it is
// new. The caller holds mu.
func (l *ledger) sourceLocked(name string) *SourceReport {
	for _, s := range l.sources {
		if s.Name == name {
			return s
		}
	}
	s := &SourceReport{Name: name}
	l.sources = append(l.sources, s)
	return s
}

// status keeps st and reports whether the state or the error is a new one.
func (l *ledger) status(name string, st SourceStatus, now time.Time) (news bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sourceLocked(name)
	news = s.Status.State != st.State || st.Err != nil && (s.Status.Err == nil || s.Status.Err.Error() != st.Err.Error())
	if st.URL == "" { // a report of failure alone: keep what is known of the rest
		st.URL, st.Protocol, st.Encryption, st.User = s.Status.URL, s.Status.Protocol, s.Status.Encryption, s.Status.User
	}
	if news {
		s.Since = now
	}
	s.Status = st
	return news
}

func (l *ledger) message(name, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sourceLocked(name).Message = text
}

// job keeps the newest job. A nil one only ends the job of its own source.
func (l *ledger) job(name string, j *Job, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case j != nil:
		l.current = &JobState{Job: j, Source: name, Arrived: now}
	case l.current != nil && l.current.Source == name:
		l.current = nil
	}
}

func (l *ledger) deviceFailed(device int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.devices[device].err = err
}

func (l *ledger) sample(feeds []*Feed, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, f := range feeds {
		l.devices[i].meter.add(now.Sub(l.started), f.tried.Load())
	}
}

func (l *ledger) hashrates() []float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	rates := make([]float64, len(l.devices))
	for i := range l.devices {
		rates[i] = l.devices[i].meter.rate().S60
	}
	return rates
}

func (l *ledger) snapshot(feeds []*Feed) Snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Snapshot{
		Started: l.started, Shares: l.tally, Reasons: maps.Clone(l.reasons), Best: l.best,
		Devices: make([]DeviceState, len(l.devices)),
	}
	switch {
	case !l.ended.IsZero():
		s.Elapsed = l.ended.Sub(l.started)
	case !l.started.IsZero():
		s.Elapsed = time.Since(l.started)
	}
	for i := range l.devices {
		d := &l.devices[i]
		state := DeviceState{Hashes: feeds[i].tried.Load(), Rate: d.meter.rate(), Shares: d.tally, Err: d.err}
		if h := feeds[i].health.Load(); h != nil {
			state.Health = *h
		}
		if s.Elapsed > 0 {
			state.Rate.Avg = float64(state.Hashes) / s.Elapsed.Seconds()
		}
		s.Devices[i] = state
		s.Hashes += state.Hashes
		s.Rate.add(state.Rate)
	}
	for _, src := range l.sources {
		s.Sources = append(s.Sources, *src)
		last := &s.Sources[len(s.Sources)-1]
		last.Status.Traits = slices.Clone(last.Status.Traits)
	}
	if l.current != nil {
		job := *l.current
		s.Job = &job
	}
	if len(l.recent) < recentOutcomes {
		s.Recent = slices.Clone(l.recent)
	} else {
		s.Recent = slices.Concat(l.recent[l.next:], l.recent[:l.next])
	}
	return s
}

// report counts what became of a share, says so, and ends the run if that was
// the last one wanted.
func (m *Miner) report(source string, sh Share, err error) {
	if errors.Is(err, ErrStale) {
		m.ledger.verdict(source, &sh, Stale)
		m.logDropped(&sh, Stale)
		return
	}
	from := sh.Sent
	if from.IsZero() {
		from = sh.Found
	}
	o := Outcome{Share: sh, Source: source, Err: err, After: time.Since(from)}
	reached := m.ledger.outcome(o, m.cfg.Until)
	m.logOutcome(&o)
	if reached {
		m.stop()
	}
}

// hashrateEvery is how often the hash rate is logged, in samples.
const hashrateEvery = 10

// sample reads every device's counter once a second until ctx ends.
func (m *Miner) sample(ctx context.Context) {
	t := time.NewTicker(sampleEvery)
	defer t.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			m.ledger.sample(m.feeds, now)
			if n%hashrateEvery == 0 {
				m.logHashrate(n)
			}
		}
	}
}
