// Package emulate is chips in software: the other end of a serial line, which
// reads what a host sends as strictly as can be, and really hashes, though it asks
// fewer zero bits of a nonce than silicon does. Hosts, gominer's drivers among
// them, can be tried on it without hardware; so can what they make of faults.
//
// It is what is known of the chips from outside. Power and heat are not modelled,
// and a host waits for nothing but hashes.
package emulate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"gominer/hasher"
)

// Line is the chips' end of a serial line. Close ends a Read and a Write in
// progress.
type Line interface {
	Read(p []byte) (int, error)
	Write(p []byte) (int, error)
	Close() error

	// Baud returns the host's rate in bits a second; 0: that can't be told.
	Baud() int
}

// Range is a range of nonces that was hashed under one version of a header.
type Range struct {
	Mid   [8]uint32 // SHA-256 state after header bytes 0-63, as in hasher.Prep
	Tail  [3]uint32 // header bytes 64-75, likewise
	First uint32    // nonce
	Count uint32    // nonces, modulo 2³²
}

// Config says which chips. Chip is required.
type Config struct {
	Chip     string // one of Chips
	Chips    int    // on the board; 0: what is usual
	ZeroBits int    // that any nonce's hash has, at most 32, which are silicon's; 0: DefaultZeroBits
	Faults   []Fault
	Rate     float64 // H/s at most; 0: what the processor gives

	// The kernels that hash, of one version and, where the work has as many, of
	// several; the zero values are those that are best known, and none.
	Kernel, VersionKernel hasher.Kernel

	Hashed func(Range)  // told of all that is hashed, by the goroutine that does it; nil: nobody
	Log    *slog.Logger // nil discards
}

// DefaultZeroBits lets a thread of a processor find some tens of nonces a second.
const DefaultZeroBits = 20

// kind is a kind of chip.
type kind struct {
	model  string // for people
	chips  int    // that a board has, unless told otherwise
	most   int
	lacks  []Fault // that can't be
	create func(w *wire) chips
}

// chips models those of one board. One goroutine at a time calls it.
type chips interface {
	// receive looks at all that the host sent and that was not taken yet, and
	// returns how many bytes it is done with; with 0 it needs more. It acts by w.
	receive(b []byte) (n int)

	// reply returns how the chips say a nonce of t that they found, under the
	// version of that index, and which of them did. It may stay unsaid: nil.
	reply(t *task, index int, nonce uint32) (b []byte, chip int)
}

// kinds are the chips that are known.
var kinds = map[string]kind{
	"icarus":  {model: "Icarus", chips: 2, most: 2, lacks: []Fault{BadCRC, MuteAfterBaud}, create: newIcarus},
	"erupter": {model: "Block Erupter", chips: 1, most: 1, lacks: []Fault{BadCRC, MuteAfterBaud, MissingChip}, create: newIcarus},
	"u1":      {model: "Antminer U1", chips: 1, most: 1, lacks: []Fault{BadCRC, MuteAfterBaud, MissingChip}, create: newIcarus},
	"u2":      {model: "Antminer U2", chips: 1, most: 1, lacks: []Fault{BadCRC, MuteAfterBaud, MissingChip}, create: newIcarus},
	"u3":      {model: "Antminer U3", chips: 4, most: 4, lacks: []Fault{BadCRC, MuteAfterBaud}, create: newIcarus},
	"bm1384":  {model: "BM1384", chips: 1, most: 128, lacks: []Fault{BadCRC, MuteAfterBaud}, create: newBM13xx},
	"bm1387":  {model: "BM1387", chips: 2, most: 128, create: newBM13xx},
	"bm1397":  {model: "BM1397", chips: 1, most: 128, create: newBM13xx},
	"bm1362":  {model: "BM1362", chips: 1, most: 128, lacks: []Fault{MuteAfterBaud}, create: newBM13xx},
	"bm1366":  {model: "BM1366", chips: 1, most: 128, lacks: []Fault{MuteAfterBaud}, create: newBM13xx},
	"bm1368":  {model: "BM1368", chips: 1, most: 128, lacks: []Fault{MuteAfterBaud}, create: newBM13xx},
	"bm1370":  {model: "BM1370", chips: 1, most: 128, lacks: []Fault{MuteAfterBaud}, create: newBM13xx},
}

// Chips returns what Config.Chip takes, sorted.
func Chips() []string { return slices.Sorted(maps.Keys(kinds)) }

// Stats counts what was said and done.
type Stats struct {
	Works   uint64 // that the host gave
	Nonces  uint64 // that were found and said
	Hashes  uint64
	Refused uint64 // messages of the host that are none, or that no chip obeys
	Lost    uint64 // messages to the host that it did not take in time
	Faults  uint64 // that were made
}

// Emulator is a board. It has power for as long as Serve runs.
type Emulator struct {
	cfg  Config
	kind kind

	mu    sync.Mutex
	stats Stats
	last  string // message of the host that was refused
}

// New returns a board that is off.
func New(cfg Config) (*Emulator, error) {
	k, ok := kinds[cfg.Chip]
	if !ok {
		return nil, fmt.Errorf("no chip %q; there are %s", cfg.Chip, strings.Join(Chips(), ", "))
	}
	if cfg.Chips == 0 {
		cfg.Chips = k.chips
	}
	if cfg.Chips < 1 || cfg.Chips > k.most {
		return nil, fmt.Errorf("%d chips: a board of %s has 1 to %d", cfg.Chips, k.model, k.most)
	}
	if cfg.ZeroBits == 0 {
		cfg.ZeroBits = DefaultZeroBits
	}
	if cfg.ZeroBits < 1 || cfg.ZeroBits > 32 {
		return nil, fmt.Errorf("%d zero bits: want 1 to 32", cfg.ZeroBits)
	}
	for _, f := range cfg.Faults {
		switch {
		case !slices.ContainsFunc(faults, func(d Described) bool { return d.Fault == f }):
			return nil, fmt.Errorf("no fault %q", f)
		case slices.Contains(k.lacks, f), f == MissingChip && cfg.Chips == 1:
			return nil, fmt.Errorf("the fault %s can't be with %d × %s", f, cfg.Chips, k.model)
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if v := cfg.VersionKernel; v.Find != nil && !knowsMidstates(v) {
		cfg.VersionKernel = hasher.Kernel{}
	}
	if cfg.Kernel.Find == nil || !knowsMidstates(cfg.Kernel) {
		for _, kernel := range hasher.Kernels() {
			if kernel.Versions == 1 && knowsMidstates(kernel) {
				cfg.Kernel = kernel
				break
			}
		}
	}
	return &Emulator{cfg: cfg, kind: k}, nil
}

// Model returns the board's name, and how many chips it has.
func (e *Emulator) Model() (name string, chips int) { return e.kind.model, e.cfg.Chips }

// ZeroBits returns those that any nonce's hash has.
func (e *Emulator) ZeroBits() int { return e.cfg.ZeroBits }

// Stats returns the counts so far, and the latest refusal, "" for none.
func (e *Emulator) Stats() (s Stats, refusal string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stats, e.last
}

// count changes the counts.
func (e *Emulator) count(change func(*Stats)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(&e.stats)
}

// quiet is how long a message that has begun may stand still before what came of
// it is given up.
const quiet = 200 * time.Millisecond

// ErrNoHost is what a Line's Read returns while nobody has the other end. What
// the chips work on ends then: nobody wants it.
var ErrNoHost = errors.New("nobody has the line open")

// Serve powers the board up and plays it on l until ctx ends, or the line does. It
// closes l.
func (e *Emulator) Serve(ctx context.Context, l Line) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() }) // nothing is left to be lost
	defer stop()
	defer l.Close()

	w := newWire(e, l)
	w.chips = e.kind.create(w)
	wg.Go(func() { w.write(ctx) })
	wg.Go(func() { w.search(ctx) })
	came := make(chan []byte)
	var ended error
	wg.Go(func() {
		defer close(came)
		ended = readAll(ctx, l, came)
	})
	still := time.NewTimer(quiet)
	defer still.Stop()
	for {
		select {
		case b, open := <-came:
			switch {
			case !open && ctx.Err() != nil:
				return ctx.Err()
			case !open:
				return ended
			}
			w.receive(b)
			still.Reset(quiet)
		case <-still.C:
			w.giveUp()
		}
	}
}

// readAll hands out all that comes; nothing at all when nobody is there any more.
func readAll(ctx context.Context, l Line, came chan<- []byte) error {
	for {
		b := make([]byte, 4096)
		n, err := l.Read(b)
		if err != nil && !errors.Is(err, ErrNoHost) {
			return err
		}
		select {
		case came <- b[:n]:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
