package board

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// wire is a port on which a request is answered by a reply. It is read by a
// goroutine of its own; requests come one at a time.
type wire struct {
	port io.ReadWriteCloser
	came chan []byte   // closed when why is set
	why  error         // reading has ended
	stop chan struct{} // closed by close
	once sync.Once
	over sync.WaitGroup
}

func newWire(port io.ReadWriteCloser) *wire {
	w := &wire{port: port, came: make(chan []byte), stop: make(chan struct{})}
	w.over.Go(w.read)
	return w
}

func (w *wire) read() {
	defer close(w.came)
	for {
		buf := make([]byte, 512)
		n, err := w.port.Read(buf)
		if n > 0 {
			select {
			case w.came <- buf[:n]:
			case <-w.stop:
			}
		}
		if err != nil {
			w.why = err
			return
		}
	}
}

// close closes the port and waits for the goroutine.
func (w *wire) close() error {
	var err error
	w.once.Do(func() {
		close(w.stop)
		err = w.port.Close()
		w.over.Wait()
	})
	return err
}

// errNoReply is why an exchange fails that nothing came of.
var errNoReply = errors.New("no reply")

// ask sends a request and collects what comes until enough says so, which gets
// everything so far; what came before the request is nobody's. If the time is
// over, ask returns what there is and errNoReply.
func (w *wire) ask(ctx context.Context, request []byte, wait time.Duration, enough func([]byte) bool) ([]byte, error) {
	w.drain()
	if _, err := w.port.Write(request); err != nil {
		return nil, err
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	var got []byte
	for !enough(got) {
		select {
		case b, open := <-w.came:
			if !open {
				return got, w.why
			}
			got = append(got, b...)
		case <-t.C:
			return got, fmt.Errorf("%w within %v", errNoReply, wait)
		case <-ctx.Done():
			return got, ctx.Err()
		}
	}
	return got, nil
}

// drain forgets what came.
func (w *wire) drain() {
	for {
		select {
		case _, open := <-w.came:
			if open {
				continue
			}
		default:
		}
		return
	}
}
