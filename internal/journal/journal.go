// Package journal appends lines to a file without making those who write wait
// for the disk. A line is written whole, at once and in order, by a goroutine of
// the file's own; what can't be written is counted, and the file itself says how
// much it lacks. What the lines mean is the caller's.
package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Config says where lines go and what else happens to them. The functions are
// called one at a time; each may be nil.
type Config struct {
	Path string
	What string // the file to people: "the recording"

	// Max is the size in bytes at which a regular file is renamed to Path.1, over
	// an older one, and a new one begun; 0 is no bound.
	Max int64

	// Sync is how long a line may take to be forced to the disk; 0 leaves that to
	// the system, but for Close.
	Sync time.Duration

	// Resume is shown what a file holds that is there already. An error keeps
	// Open from touching it.
	Resume func(old *Old) error

	Frame   func(b, line []byte) []byte // adds line to b as it stands in the file; b is empty
	Written func(framed []byte)         // a framed line is in the file
	Begin   func() []byte               // the first line of a file that follows a full one
	Gap     func(lines uint64) []byte   // says in the file that so many are missing

	Log *slog.Logger // nil discards
}

// Old is what a file held before it was opened.
type Old struct {
	First []byte   // the first line, without its end; cut at 64 KiB
	Last  [][]byte // the last whole lines, at most two, in order
	Torn  []byte   // what stands behind the last line end: a line that was not written whole
}

const (
	// mostWaiting is how many bytes may wait for the disk: half a minute of a pool
	// that sends as fast as it can, and weeks of one that does not.
	mostWaiting = 8 << 20

	// entryCost is what a line costs beside its bytes.
	entryCost = 64

	closeTime = 3 * time.Second // for what waits, at the end
	warnEvery = time.Minute     // of a disk that is full now and then
)

// File is a file that is appended to. Its methods may be called from any
// goroutine.
type File struct {
	cfg  Config
	more chan struct{} // something waits, or it is to be closed; one is enough
	done chan struct{} // closed when run has ended

	mu      sync.Mutex // guards the rest
	queue   []entry
	waiting int    // bytes of queue, and of the lines being written
	gap     uint64 // lines dropped since the last entry
	lost    uint64 // lines that the file lacks
	closed  bool
	warned  time.Time // when the log last said that lines are lost
	failing bool      // it is so

	disk // owned by run
}

// entry is a line that waits.
type entry struct {
	line []byte
	gap  uint64 // lines dropped before it
}

// Open opens the file, or makes it, and cuts off what a crash left of a line.
func Open(cfg Config) (*File, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	f := &File{cfg: cfg, more: make(chan struct{}, 1), done: make(chan struct{})}
	if err := f.open(&cfg); err != nil {
		return nil, err
	}
	go f.run()
	return f, nil
}

// Write appends a line, which must not have a line end in it and belongs to the
// file from now on. It never waits: a line for which there is no room is lost.
func (f *File) Write(line []byte) {
	f.mu.Lock()
	closed, cost := f.closed, len(line)+entryCost
	full := closed || f.waiting+cost > mostWaiting
	if full {
		f.gap++
		f.lost++
	} else {
		f.queue = append(f.queue, entry{line, f.gap})
		f.gap = 0
		f.waiting += cost
	}
	f.mu.Unlock()
	switch {
	case !full:
		f.wake()
	case !closed:
		f.trouble("the disk does not keep up")
	}
}

func (f *File) wake() {
	select {
	case f.more <- struct{}{}:
	default:
	}
}

// Lost returns how many lines the file lacks.
func (f *File) Lost() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lost
}

// ErrHangs is why the end of a file is missing: what Close gave up waiting for.
var ErrHangs = errors.New("the disk does not answer, and the end is missing")

// Close writes what waits and closes the file. The error says how much of what
// was written to it is not in it. But for ErrHangs the functions of Config are
// not called any more once it returns.
func (f *File) Close() error {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.wake()
	t := time.NewTimer(closeTime)
	defer t.Stop()
	select {
	case <-f.done:
	case <-t.C:
		// The disk hangs, and run with it; what waits is lost.
		f.mu.Lock()
		f.lost += uint64(len(f.queue))
		f.queue = nil
		f.mu.Unlock()
		return fmt.Errorf("%s %s: %w", f.cfg.What, f.cfg.Path, ErrHangs)
	}
	if n := f.Lost(); n > 0 {
		return fmt.Errorf("%s %s lacks %d of its lines", f.cfg.What, f.cfg.Path, n)
	}
	return f.closeErr
}

// run writes what waits until Close.
func (f *File) run() {
	defer close(f.done)
	var due <-chan time.Time // when lines have to be forced to the disk
	for {
		select {
		case <-f.more:
		case <-due:
			f.sync()
			due = nil
			continue
		}
		lines, closed := f.take()
		for _, e := range lines {
			f.put(e)
		}
		if closed {
			f.finish()
			return
		}
		if f.cfg.Sync > 0 && due == nil && len(lines) > 0 {
			due = time.After(f.cfg.Sync)
		}
	}
}

// take returns what waits. Once the file is closed there will be no more.
func (f *File) take() (lines []entry, closed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	lines, f.queue = f.queue, nil
	if f.closed && f.gap > 0 {
		lines = append(lines, entry{nil, f.gap})
		f.gap = 0
	}
	return lines, f.closed
}

// put writes a line, and before it how many are missing there. A line of nil
// stands for nothing but those.
func (f *File) put(e entry) {
	f.missing += e.gap
	err := f.confess()
	if e.line != nil {
		if err == nil {
			err = f.write(e.line)
		}
		f.mu.Lock()
		f.waiting -= len(e.line) + entryCost
		if err != nil {
			f.lost++
		}
		f.mu.Unlock()
		if err != nil {
			f.missing++
		}
	}
	switch {
	case err != nil:
		f.trouble(reason(err))
	case e.line != nil:
		f.recovered()
	}
}

// confess writes that lines are missing, if there are any.
func (f *File) confess() error {
	if f.missing == 0 {
		return nil
	}
	if f.cfg.Gap != nil {
		if err := f.write(f.cfg.Gap(f.missing)); err != nil {
			return err
		}
	}
	f.missing = 0
	return nil
}

// trouble says once that lines are being lost.
func (f *File) trouble(why string) {
	now := time.Now()
	f.mu.Lock()
	news := !f.failing && (f.warned.IsZero() || now.Sub(f.warned) >= warnEvery)
	if news {
		f.failing, f.warned = true, now
	}
	f.mu.Unlock()
	if news {
		f.cfg.Log.Warn(f.cfg.What+" can't be written and lacks what happens now; all else goes on", "file", f.cfg.Path, "error", why)
	}
}

// recovered says that lines are written again, if it was said that they weren't.
func (f *File) recovered() {
	f.mu.Lock()
	news, lost := f.failing && f.gap == 0, f.lost
	if news {
		f.failing = false
	}
	f.mu.Unlock()
	if news {
		f.cfg.Log.Warn(f.cfg.What+" is written again", "file", f.cfg.Path, "lines_lost", lost)
	}
}
