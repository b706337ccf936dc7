package fault

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	writeTime    = 10 * time.Second // for a line, or for a byte of a slow one
	halfOpenTime = 10 * time.Minute // for a connection that nobody reads from: its end can't be seen

	mostPart     = 64 << 10 // bytes of a line of the client that are looked at
	mostRequests = 4096     // ids of the client that are remembered
)

// errEnd is why a fault ends a connection.
type errEnd string

func (e errEnd) Error() string { return "fault " + string(e) }

var errDone = errors.New("the connection has ended")

// wire is a connection to a client with faults in it.
type wire struct {
	net.Conn
	done     <-chan struct{} // closed when the connection has to end
	acts     []act
	beside   sync.WaitGroup // what the faults do besides
	deaf     atomic.Bool    // nothing is read any more
	mute     atomic.Bool    // nothing is sent any more
	slowness time.Duration  // between two bytes

	// turn holds one while somebody writes. It is no mutex, since some hold it for
	// long, and who waits has to see the end.
	turn chan struct{}

	part []byte // of the client's line; owned by Read

	mu       sync.Mutex         // guards the rest
	requests map[string]request // of the client, by their ids in JSON
}

// request is what the client asked under an id.
type request struct {
	method string
	params int // how many
}

func newWire(nc net.Conn, done <-chan struct{}, faults []func(*wire) act) *wire {
	w := &wire{Conn: nc, done: done, turn: make(chan struct{}, 1), requests: make(map[string]request)}
	for _, f := range faults {
		w.acts = append(w.acts, f(w))
	}
	for _, a := range w.acts {
		if a.begin != nil {
			w.beside.Go(a.begin)
		}
	}
	return w
}

// Read takes note of what the client asks.
func (w *wire) Read(b []byte) (int, error) {
	if w.deaf.Load() {
		w.sleep(halfOpenTime)
		return 0, errEnd("half-open")
	}
	n, err := w.Conn.Read(b)
	for rest := b[:n]; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			if len(w.part)+len(rest) <= mostPart {
				w.part = append(w.part, rest...)
			}
			break
		}
		w.note(append(w.part, rest[:i]...))
		w.part, rest = w.part[:0], rest[i+1:]
	}
	return n, err
}

func (w *wire) note(b []byte) {
	l := parse(string(b))
	if l.Method == "" || l.ID == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.requests) >= mostRequests {
		clear(w.requests)
	}
	w.requests[string(l.ID)] = request{l.Method, len(l.list())}
}

// Write takes a line of the pool and sends what the faults make of it.
func (w *wire) Write(b []byte) (int, error) {
	if err := w.take(); err != nil {
		return 0, err
	}
	defer w.give()
	lines := []string{string(bytes.TrimSuffix(b, []byte("\n")))}
	var after []func() error
	for _, a := range w.acts {
		if a.out == nil {
			continue
		}
		var next []string
		for _, raw := range lines {
			l := parse(raw)
			l.answers = w.request(string(l.ID))
			instead, then := a.out(l)
			next = append(next, instead...)
			if then != nil {
				after = append(after, then)
			}
		}
		lines = next
	}
	if err := w.send(lines...); err != nil {
		return 0, err
	}
	for _, then := range after {
		if err := then(); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// Close ends what the faults do besides, too.
func (w *wire) Close() error {
	err := w.Conn.Close()
	w.beside.Wait()
	return err
}

func (w *wire) request(id string) request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.requests[id]
}

// take waits for a turn to write, which give ends.
func (w *wire) take() error {
	select {
	case w.turn <- struct{}{}:
		return nil
	case <-w.done:
		return errDone
	}
}

func (w *wire) give() { <-w.turn }

// say takes a turn to send lines that are not the pool's.
func (w *wire) say(lines ...string) error {
	if err := w.take(); err != nil {
		return err
	}
	defer w.give()
	return w.send(lines...)
}

// send writes lines; the caller has the turn, as it has where an act's after runs.
func (w *wire) send(lines ...string) error {
	for _, l := range lines {
		if err := w.emit([]byte(l + "\n")); err != nil {
			return err
		}
	}
	return nil
}

// emit writes bytes as they are.
func (w *wire) emit(b []byte) error {
	if w.mute.Load() {
		return nil
	}
	step := len(b)
	if w.slowness > 0 {
		step = 1
	}
	for len(b) > 0 {
		if w.over() {
			return errDone
		}
		w.SetWriteDeadline(time.Now().Add(writeTime))
		if _, err := w.Conn.Write(b[:step]); err != nil {
			return err
		}
		b = b[step:]
		if w.slowness > 0 && !w.sleep(w.slowness) {
			return errDone
		}
	}
	return nil
}

// over reports whether the connection has to end.
func (w *wire) over() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// sleep reports whether the connection lasted.
func (w *wire) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-w.done:
		return false
	}
}

// later says a line after a while; others may come first.
func (w *wire) later(d time.Duration, l string) {
	w.beside.Go(func() {
		if w.sleep(d) {
			_ = w.say(l) // if it is over, the pool sees it
		}
	})
}

// reset makes the connection end with a reset (RST), where it is TCP.
func (w *wire) reset() {
	nc := w.Conn
	for {
		switch c := nc.(type) {
		case *net.TCPConn:
			_ = c.SetLinger(0) // then it ends as others do
			_ = c.Close()
			return
		case interface{ NetConn() net.Conn }: // TLS
			nc = c.NetConn()
		default:
			return
		}
	}
}

func endf(format string, args ...any) error { return errEnd(fmt.Sprintf(format, args...)) }
