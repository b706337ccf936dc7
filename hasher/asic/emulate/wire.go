package emulate

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// outQueue is how many messages wait for a host that does not read: some
	// seconds of them. What comes then is lost, as on a line without flow control.
	outQueue = 256

	// faultEvery is how often a fault meets: one message in so many.
	faultEvery = 5

	// splitGap is what lies between the parts of a split message.
	splitGap = 2 * time.Millisecond

	// baudOff is by how many percent the host's rate may be off: a byte is 10 bits
	// long, of which the last is not to be taken for the next. Hosts use 1.5 Mbaud
	// where a BM1397 makes 1.5625.
	baudOff = 5

	// firstBaud is what all boards begin with.
	firstBaud = 115200
)

// message is on its way to the host.
type message struct {
	bytes []byte
	split bool
}

// wire is a board that has power, as its chips see it.
type wire struct {
	e    *Emulator
	line Line
	out  chan message
	work chan *task // the newest, for search

	mu      sync.Mutex // held while chips are called
	chips   chips
	board   int // chips on it
	held    []byte
	want    int    // baud
	mute    bool   // nothing is said
	current *task  // nil: none
	sent    int    // messages, to know whose turn it is to meet a fault
	late    []byte // a nonce that comes with the next work
	first   []byte // a message that waits for the next
}

func newWire(e *Emulator, l Line) *wire {
	w := &wire{e: e, line: l, out: make(chan message, outQueue), work: make(chan *task, 1), board: e.cfg.Chips}
	w.bauds(firstBaud)
	return w
}

// has reports whether the board has a fault.
func (w *wire) has(f Fault) bool { return slices.Contains(w.e.cfg.Faults, f) }

// receive takes in what came from the host; nothing: it is gone.
func (w *wire) receive(b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(b) == 0 {
		w.held = w.held[:0]
		w.stop()
		return
	}
	if baud := w.line.Baud(); baud != 0 && max(baud-w.want, w.want-baud)*100 > baudOff*w.want {
		w.refuse("%d bytes at %d baud, where the chips are at %d", len(b), baud, w.want)
		return
	}
	w.held = append(w.held, b...)
	for {
		n := w.chips.receive(w.held)
		if n == 0 {
			return
		}
		w.held = append(w.held[:0], w.held[n:]...)
	}
}

// giveUp forgets a message of which nothing came for a while.
func (w *wire) giveUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.held) > 0 {
		w.refuse("% x: the rest of it is missing", w.held[:min(len(w.held), 16)])
		w.held = w.held[:0]
	}
}

// refuse notes that the host sent what it should not have. The chips call it.
func (w *wire) refuse(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.e.mu.Lock()
	w.e.stats.Refused++
	w.e.last = text
	w.e.mu.Unlock()
	w.e.cfg.Log.Warn("the host is not understood", "why", text)
}

// bauds says that the chips talk at another rate from now on. They call it.
func (w *wire) bauds(n int) {
	w.mute = w.mute || w.want != 0 && w.has(MuteAfterBaud)
	w.want = n
}

// begin has t hashed, and gives up the work before. The chips call it.
func (w *wire) begin(t *task) {
	w.e.count(func(s *Stats) { s.Works++ })
	w.set(t)
	if w.late != nil {
		w.fault()
		w.answer(w.late)
		w.late = nil
	}
}

// stop gives up the work. The chips call it.
func (w *wire) stop() { w.set(nil) }

func (w *wire) set(t *task) {
	w.current = t
	select {
	case <-w.work: // nobody has seen it yet
	default:
	}
	w.work <- t
}

// found says a nonce of t, unless other work has begun meanwhile. It reports
// whether t goes on.
func (w *wire) found(t *task, index int, nonce uint32) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t != w.current {
		return false
	}
	b, chip := w.chips.reply(t, index, nonce)
	if b == nil {
		return !t.once
	}
	w.sent++
	turn := w.sent%faultEvery == 0
	if turn && w.has(WrongNonce) {
		w.fault()
		b, chip = w.chips.reply(t, index, nonce^1<<20)
	}
	switch {
	case w.has(MissingChip) && chip == w.board-1:
	case turn && w.has(Stale) && w.late == nil:
		w.late = b
	default:
		w.e.count(func(s *Stats) { s.Nonces++ })
		w.say(b)
		if turn && w.has(Duplicate) {
			w.fault()
			w.say(b)
		}
	}
	return !t.once
}

func (w *wire) fault() { w.e.count(func(s *Stats) { s.Faults++ }) }

// answer says something that was not found just now. The chips call it.
func (w *wire) answer(b []byte) {
	w.sent++
	w.say(b)
}

// say sends b, and what the faults of the line make of it.
func (w *wire) say(b []byte) {
	if w.mute {
		return
	}
	turn := w.sent%faultEvery == 0
	m := message{bytes: append(slices.Clone(w.first), b...)}
	w.first = nil
	switch {
	case !turn:
	case w.has(BadCRC):
		w.fault()
		m.bytes[len(m.bytes)-1] ^= 1
	case w.has(Noise):
		w.fault()
		m.bytes = append([]byte{byte(w.sent), 0xaa, byte(w.sent * 7)}, m.bytes...)
	case w.has(Split):
		w.fault()
		m.split = true
	case w.has(Merge):
		w.fault()
		w.first = m.bytes
		return
	}
	select {
	case w.out <- m:
	default:
		w.e.count(func(s *Stats) { s.Lost++ })
	}
}

// write writes the messages to the line until ctx ends.
func (w *wire) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-w.out:
			parts := [][]byte{m.bytes}
			if m.split {
				parts = [][]byte{m.bytes[:len(m.bytes)/2], m.bytes[len(m.bytes)/2:]}
			}
			for i, part := range parts {
				if i > 0 && !sleep(ctx, splitGap) {
					return
				}
				_, _ = w.line.Write(part) // the reader notices when the line is gone
			}
		}
	}
}

// sleep reports whether d passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
