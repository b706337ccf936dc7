package asic

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// readMost is how many bytes are taken from the port at once: some dozens of
	// replies, and chips send a few each second.
	readMost = 1024

	// writeLimit is how long a job may take to be written: at 115200 baud the
	// largest takes 14 ms.
	writeLimit = 5 * time.Second
)

// line is an open board, read by a goroutine of its own. All else is for one
// goroutine at a time.
type line struct {
	board *Board
	read  chan []byte // what came; closed when err is set
	err   error       // why reading has ended
	held  []byte      // of what came, what no scan is done with

	once   sync.Once
	closed chan struct{}
	forget func() bool
	reader sync.WaitGroup
}

// openLine begins to read b, until it is closed or ctx ends.
func openLine(ctx context.Context, b *Board) *line {
	l := &line{board: b, read: make(chan []byte), closed: make(chan struct{})}
	l.forget = context.AfterFunc(ctx, l.end) // also in the middle of a Write
	l.reader.Go(l.readAll)
	return l
}

// close closes the board and waits for the goroutine.
func (l *line) close() {
	l.forget()
	l.end()
	l.reader.Wait()
}

func (l *line) end() {
	l.once.Do(func() {
		close(l.closed)
		_ = l.board.Close() // what it says does not matter any more
	})
}

func (l *line) readAll() {
	defer close(l.read)
	for {
		buf := make([]byte, readMost)
		n, err := l.board.Read(buf)
		if n > 0 {
			select {
			case l.read <- buf[:n]:
			case <-l.closed:
			}
		}
		if err != nil {
			l.err = lost(err)
			return
		}
		if n == 0 && !l.rest() { // a port that does not block
			return
		}
	}
}

// rest waits for a moment, and reports whether the line is open still.
func (l *line) rest() bool {
	t := time.NewTimer(10 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.closed:
		l.err = errLost
		return false
	}
}

// send writes b. A line that takes nothing any more is closed.
func (l *line) send(b []byte) error {
	t := time.AfterFunc(writeLimit, l.end)
	defer t.Stop()
	if _, err := l.board.Write(b); err != nil {
		return lost(err)
	}
	return nil
}

// lost is what an error of the board means.
func lost(err error) error {
	if errors.Is(err, ErrOff) {
		return err
	}
	return fmt.Errorf("%w (%w)", errLost, err)
}

// pause waits for d. What comes meanwhile is kept.
func (l *line) pause(ctx context.Context, d time.Duration) error {
	never := func([]byte) (reply, int) { return reply{}, 0 }
	return l.collect(ctx, d, never, nil)
}

// flush forgets what came.
func (l *line) flush() {
	for {
		select {
		case _, open := <-l.read:
			if open {
				continue
			}
		default:
		}
		break
	}
	l.held = l.held[:0]
}

// collect hands done every reply that comes within d, and returns nil when done
// says so or d is over.
func (l *line) collect(ctx context.Context, d time.Duration, scan func([]byte) (reply, int), done func(reply) bool) error {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		for {
			r, n := scan(l.held)
			if n == 0 {
				break
			}
			l.drop(n)
			if done(r) {
				return nil
			}
		}
		select {
		case b, open := <-l.read:
			if !open {
				return l.err
			}
			l.hold(b)
		case <-t.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// hold adds what came to what is held.
func (l *line) hold(b []byte) {
	const most = 1 << 16 // no reply is as long
	if len(l.held)+len(b) > most {
		l.held = l.held[:0]
	}
	l.held = append(l.held, b...)
}

// drop forgets the first n bytes that are held.
func (l *line) drop(n int) { l.held = append(l.held[:0], l.held[min(n, len(l.held)):]...) }
