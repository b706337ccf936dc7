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
	keptBlocks     = 64 // likewise
	keptMessages   = 32 // likewise
	mostReasons    = 64 // distinct reject reasons counted; a pool chooses their texts
	otherReasons   = "other"

	// mostTold is how many jobs a second are logged: a pool that gives out more
	// should not fill the disk with them.
	mostTold = 32
)

// ledger counts everything that happens. Its lock is never held while anything
// else is waited for.
type ledger struct {
	mu      sync.Mutex
	started time.Time
	ended   time.Time // zero while running
	tally   Tally
	reasons map[string]uint64
	last    time.Time // when a share was accepted
	best    float64
	before  float64 // Config.BestBefore
	devices []deviceLedger
	sources []*sourceLedger
	telling time.Time // a second in which jobs are logged
	told    int       // jobs in it
	recent  []Outcome // oldest first
	blocks  []BlockFound
	texts   []Message
}

type deviceLedger struct {
	tally   Tally
	last    time.Time // when a share was accepted
	best    float64
	meter   meter
	threads threadMeter
	err     error
}

func newLedger(bestBefore float64) *ledger {
	return &ledger{reasons: make(map[string]uint64), before: bestBefore}
}

// addDevice makes room for one more.
func (l *ledger) addDevice(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.devices = append(l.devices, deviceLedger{})
	if !l.started.IsZero() { // its rate counts from now on
		l.devices[len(l.devices)-1].meter.start.at = now.Sub(l.started)
	}
}

func (l *ledger) start(devices []Device, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.started = now
	l.sampleThreadsLocked(devices, now)
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
	d := &l.devices[sh.Device]
	if v != HardwareError {
		d.best = max(d.best, sh.Hash.Difficulty())
		l.best = max(l.best, d.best)
	}
	if v == Stale {
		l.sourceLocked(source).report.Shares.Stale++
	}
	for _, t := range []*Tally{&l.tally, &d.tally} {
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

// outcome counts an answer that came now and reports whether u is reached.
func (l *ledger) outcome(o Outcome, u Until, now time.Time) (reached bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recent = keep(l.recent, o, recentOutcomes)
	src, dev := l.sourceLocked(o.Source), &l.devices[o.Share.Device]
	var reject *Reject
	refused := errors.As(o.Err, &reject)
	for _, t := range []*Tally{&l.tally, &src.report.Shares, &dev.tally} {
		switch {
		case o.Err == nil:
			t.Accepted++
			t.Difficulty += o.Share.Job.Target.Difficulty()
			if o.Share.Block {
				t.Blocks++
			}
		case refused:
			t.Rejected++
		default:
			t.Lost++
		}
	}
	if o.Err == nil {
		l.last, src.report.LastAccepted, dev.last = now, now, now
	}
	if !o.Share.Sent.IsZero() && (o.Err == nil || refused) {
		src.latency.add(o.After)
	}
	if refused {
		reason := reject.Error()
		if _, known := l.reasons[reason]; !known && len(l.reasons) >= mostReasons {
			reason = otherReasons
		}
		l.reasons[reason]++
	}
	if sh := &o.Share; sh.Block {
		l.blocks = keep(l.blocks, BlockFound{
			Found: sh.Found, Height: sh.Job.Height, Hash: sh.Hash, Source: o.Source, Device: sh.Device, Err: o.Err,
		}, keptBlocks)
	}
	return u.Shares > 0 && l.tally.Accepted >= u.Shares || u.Blocks > 0 && l.tally.Blocks >= u.Blocks
}

// sourceLocked returns what is counted of the source of that name, which may be
// a new one. The caller holds mu.
func (l *ledger) sourceLocked(name string) *sourceLedger {
	for _, s := range l.sources {
		if s.report.Name == name {
			return s
		}
	}
	s := &sourceLedger{report: SourceReport{Name: name}}
	l.sources = append(l.sources, s)
	return s
}

// delist takes all sources out of the list.
func (l *ledger) delist() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sources {
		s.gone = true
	}
}

// enlist adds src, or what it is made of, to the end of the list of sources.
func (l *ledger) enlist(src Source, name string) {
	if g, ok := src.(group); ok {
		for _, m := range g.members() {
			l.enlist(m.src, m.name)
		}
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sourceLocked(name)
	s.gone = false
	i := slices.Index(l.sources, s)
	l.sources = append(slices.Delete(l.sources, i, i+1), s)
}

func (l *ledger) source(name string) *sourceLedger {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sourceLocked(name)
}

// status keeps st and reports whether the state or the error is a new one, and
// whether the traits are others.
func (l *ledger) status(name string, st SourceStatus, now time.Time) (news, traits bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sourceLocked(name).status(st, now)
}

func (l *ledger) message(name, text string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sourceLocked(name).report.Message = text
	l.texts = keep(l.texts, Message{now, name, text}, keptMessages)
}

// jobOver notes that a job of a source is mined no longer, unless there is a newer
// one.
func (l *ledger) jobOver(name string, j *Job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := &l.sourceLocked(name).report; r.Job != nil && r.Job.Job == j {
		r.Job = nil
	}
}

// job keeps the newest job of a source that is mined, and reports whether it is
// to be logged; nil ends it.
func (l *ledger) job(name string, j *Job, now time.Time) (tell bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sourceLocked(name)
	if j == nil {
		s.report.Job = nil
		return false
	}
	s.report.Job = &JobState{Job: j, Source: name, Arrived: now}
	s.difficulty(j.Target.Difficulty(), now)
	if now.Sub(l.telling) >= time.Second {
		l.telling, l.told = now, 0
	}
	l.told++
	return l.told <= mostTold
}

// probed notes how long it took to reach a source, 0 where that is not known,
// and until its first job was there.
func (l *ledger) probed(name string, connect, first time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &l.sourceLocked(name).report
	r.Connect, r.FirstJob = connect, first
}

func (l *ledger) deviceFailed(device int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.devices[device].err = err
}

func (l *ledger) sample(devices []Device, feeds []*Feed, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, f := range feeds {
		l.devices[i].meter.add(now.Sub(l.started), f.tried.Load())
	}
	l.sampleThreadsLocked(devices, now)
}

func (l *ledger) sampleThreadsLocked(devices []Device, now time.Time) {
	for i, d := range devices {
		if d, ok := d.(Threaded); ok {
			l.devices[i].threads.add(now.Sub(l.started), d)
		}
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
		Started: l.started, Shares: l.tally, LastAccepted: l.last, Reasons: maps.Clone(l.reasons),
		Best: l.best, BestEver: max(l.best, l.before),
		Devices: make([]DeviceState, len(feeds)), Sources: make([]SourceReport, 0, len(l.sources)),
		Recent: slices.Clone(l.recent), Blocks: slices.Clone(l.blocks), Messages: slices.Clone(l.texts),
	}
	now := l.ended
	if now.IsZero() {
		now = time.Now()
	}
	if !l.started.IsZero() {
		s.Elapsed = now.Sub(l.started)
	}
	for i := range feeds {
		s.Devices[i] = l.devices[i].snapshot(feeds[i], s.Elapsed)
		s.Hashes += s.Devices[i].Hashes
		s.Rate.add(s.Devices[i].Rate)
	}
	for _, src := range l.sources {
		if src.gone && src.report.Job == nil {
			continue
		}
		report := src.snapshot(now)
		s.Sources = append(s.Sources, report)
		if job := report.Job; job != nil && (s.Job == nil || job.Arrived.After(s.Job.Arrived)) {
			s.Job = job
		}
	}
	return s
}

func (d *deviceLedger) snapshot(f *Feed, elapsed time.Duration) DeviceState {
	s := DeviceState{
		Hashes: f.tried.Load(), Rate: d.meter.rate(), ThreadRates: d.threads.rates(),
		Shares: d.tally, LastAccepted: d.last, Best: d.best, Err: d.err,
	}
	if elapsed > 0 {
		s.Rate.Avg = float64(s.Hashes) / elapsed.Seconds()
	}
	if h := f.health.Load(); h != nil {
		s.Health = *h
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
	now := time.Now()
	o := Outcome{Share: sh, Source: source, Err: err, After: now.Sub(from)}
	reached := m.ledger.outcome(o, m.cfg.Until, now)
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
			devices, feeds := m.crew.list()
			m.ledger.sample(devices, feeds, now)
			if n%hashrateEvery == 0 {
				m.logHashrate(n)
			}
			if n%floodSamples == 0 {
				m.floods.sum(m.log)
			}
		}
	}
}
