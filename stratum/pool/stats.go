package pool

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"

	"gominer/hasher"
	"gominer/stratum/v1"
)

// Stats is the state of a pool at one moment. Texts of clients in it are fit to
// be shown.
type Stats struct {
	Started     time.Time     `json:"started"`
	Height      uint32        `json:"height"`             // of the block that is worked on; 0: not known
	NetworkDiff float64       `json:"network_difficulty"` // 0: no work
	Total       Tally         `json:"total"`
	Blocks      []BlockStats  `json:"blocks"` // the latest last, at most 64
	Found       uint64        `json:"blocks_found"`
	Refused     uint64        `json:"blocks_refused"`
	Bans        uint64        `json:"bans"`
	Conns       []ConnStats   `json:"connections"` // oldest first
	Workers     []WorkerStats `json:"workers"`     // by name
}

// Tally counts shares.
type Tally struct {
	Accepted  uint64         `json:"accepted"`
	Rejected  uint64         `json:"rejected"`
	ByCode    map[int]uint64 `json:"rejected_by_code,omitempty"` // V1 error codes, 20 to 25
	Hashrate  float64        `json:"hashrate"`                   // H/s, from the accepted shares of some minutes
	Best      float64        `json:"best_difficulty"`            // of an accepted share's hash
	LastShare time.Time      `json:"last_share,omitzero"`
}

// ConnStats is a connection.
type ConnStats struct {
	ID          uint64    `json:"id"`
	Protocol    string    `json:"protocol"` // "v1" or "v2"
	Remote      string    `json:"remote"`
	Since       time.Time `json:"since"`
	Agent       string    `json:"agent"`
	Extranonce1 string    `json:"extranonce1"`        // hex; "" before mining.subscribe, and in V2, where each channel has its own
	Channels    int       `json:"channels,omitempty"` // open, in V2
	Workers     []string  `json:"workers"`
	Difficulty  float64   `json:"difficulty"`   // in V2 of the channel that has the least
	VersionMask string    `json:"version_mask"` // hex, that may be rolled now

	Info *ClientInfo `json:"info,omitempty"` // nil: it said nothing
	Tally
}

// ClientInfo is what a client says of itself in mining.configure.
type ClientInfo struct {
	ConnectionURL string `json:"connection_url,omitempty"`
	HWVersion     string `json:"hw_version,omitempty"`
	SWVersion     string `json:"sw_version,omitempty"`
	HWID          string `json:"hw_id,omitempty"`
}

// WorkerStats is a worker, over all connections.
type WorkerStats struct {
	Name  string `json:"name"`
	Conns int    `json:"connections"`
	Tally
}

// BlockStats is a block that a client found.
type BlockStats struct {
	Time    time.Time `json:"time"`
	Height  uint32    `json:"height"`
	Hash    string    `json:"hash"`
	Worker  string    `json:"worker"`
	Refusal string    `json:"refusal,omitempty"` // "" where it was accepted
}

const (
	blocksKept  = 64
	workersKept = 4096 // those without a connection are forgotten first

	hashrateTau = 5 * time.Minute // shares count 1/e after this
	shownName   = 100             // bytes of a client's text
)

// hashesPerDiff is how many hashes a share of difficulty 1 takes: 2^256 / diff1.
var hashesPerDiff = math.Ldexp(1, 48) / 0xffff

// meter estimates a hash rate from shares: an average that forgets. It counts from
// the first share on; that one only says when the time begins.
type meter struct {
	since, last time.Time
	work        float64 // difficulty, decayed to last
}

func (m *meter) add(now time.Time, difficulty float64) {
	if now.Sub(m.last) > 3*hashrateTau { // nobody, or nobody for long
		*m = meter{since: now, last: now}
		return
	}
	m.work = m.work*decay(now.Sub(m.last)) + difficulty
	m.last = now
}

// rate returns H/s. In the first minutes it divides by the time there was.
func (m *meter) rate(now time.Time) float64 {
	if m.work == 0 {
		return 0
	}
	span := hashrateTau.Seconds() * (1 - decay(max(now.Sub(m.since), time.Second)))
	return m.work * decay(now.Sub(m.last)) * hashesPerDiff / span
}

func decay(d time.Duration) float64 { return math.Exp(-d.Seconds() / hashrateTau.Seconds()) }

// tally counts shares as they come.
type tally struct {
	accepted uint64
	rejected [v1.CodeNotSubscribed - v1.CodeOther + 1]uint64
	meter    meter
	best     float64
	last     time.Time
}

func (t *tally) accept(now time.Time, difficulty float64, h *hasher.Hash) {
	t.accepted++
	t.meter.add(now, difficulty)
	t.best = max(t.best, min(h.Difficulty(), mostDifficulty))
	t.last = now
}

func (t *tally) reject(code int) { t.rejected[code-v1.CodeOther]++ }

func (t *tally) stats(now time.Time) Tally {
	s := Tally{Accepted: t.accepted, Hashrate: t.meter.rate(now), Best: t.best, LastShare: t.last}
	for i, n := range t.rejected {
		if n == 0 {
			continue
		}
		if s.ByCode == nil {
			s.ByCode = make(map[int]uint64)
		}
		s.ByCode[v1.CodeOther+i] = n
		s.Rejected += n
	}
	return s
}

// worker is a name that shares are counted under.
type worker struct {
	name  string // as it came
	shown string // fit to be shown
	conns int
	tally tally
}

// ledger counts everything. It is guarded by one lock: a share takes it once.
type ledger struct {
	mu             sync.Mutex
	total          tally
	workers        map[string]*worker
	blocks         []BlockStats
	found, refused uint64
}

// join returns the worker of a name and counts a connection to it; nil if there
// are too many.
func (l *ledger) join(name string) *worker {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.workers[name]
	if w == nil {
		if len(l.workers) >= workersKept && !l.forget() {
			return nil
		}
		w = &worker{name: name, shown: v1.CleanText(name, shownName)}
		l.workers[name] = w
	}
	w.conns++
	return w
}

// forget drops the worker that has been away for longest.
func (l *ledger) forget() bool {
	var oldest *worker
	for _, w := range l.workers {
		if w.conns == 0 && (oldest == nil || w.tally.last.Before(oldest.tally.last)) {
			oldest = w
		}
	}
	if oldest == nil {
		return false
	}
	delete(l.workers, oldest.name)
	return true
}

func (l *ledger) leave(workers map[string]*worker) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range workers {
		w.conns--
	}
}

// share counts a verdict for the pool, the connection and the worker, which may
// be nil.
func (l *ledger) share(now time.Time, v *verdict, conn *tally, w *worker) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range []*tally{&l.total, conn} {
		v.count(t, now)
	}
	if w != nil {
		v.count(&w.tally, now)
	}
}

func (l *ledger) block(b BlockStats) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.found++
	if b.Refusal != "" {
		l.refused++
	}
	if len(l.blocks) == blocksKept {
		l.blocks = slices.Delete(l.blocks, 0, 1)
	}
	l.blocks = append(l.blocks, b)
}

// statist is a connection of any protocol.
type statist interface {
	stats() ConnStats // without its tally
	counts() *tally   // guarded by Pool.ledger.mu
}

// Stats returns what the pool looks like now.
func (p *Pool) Stats() Stats {
	now := time.Now()
	s := Stats{Started: p.started, Blocks: []BlockStats{}, Conns: []ConnStats{}, Workers: []WorkerStats{}}
	p.mu.Lock()
	if p.current != nil {
		s.Height = p.current.template.Height
		s.NetworkDiff = p.current.difficulty
	}
	conns := make([]statist, 0, len(p.conns)+len(p.v2conns))
	for c := range p.conns {
		conns = append(conns, c)
	}
	for c := range p.v2conns {
		conns = append(conns, c)
	}
	p.mu.Unlock()

	for _, c := range conns {
		s.Conns = append(s.Conns, c.stats())
	}

	s.Bans = p.guard.bans()
	l := &p.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, c := range conns {
		s.Conns[i].Tally = c.counts().stats(now)
	}
	s.Total = l.total.stats(now)
	s.Blocks = append(s.Blocks, l.blocks...)
	s.Found, s.Refused = l.found, l.refused
	for _, w := range l.workers {
		s.Workers = append(s.Workers, WorkerStats{Name: w.shown, Conns: w.conns, Tally: w.tally.stats(now)})
	}
	slices.SortFunc(s.Conns, func(a, b ConnStats) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(s.Workers, func(a, b WorkerStats) int { return cmp.Compare(a.Name, b.Name) })
	return s
}
