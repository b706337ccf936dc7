package usb

import (
	"context"
	"slices"
	"time"
)

const (
	// pollEvery is how often Watch looks by itself: not every system tells, and
	// not every container is told.
	pollEvery = 3 * time.Second

	// settleTime is how long nothing has to happen before what is plugged in is
	// told: by then udev has given its rights to a new device, and one of several
	// ports is whole.
	settleTime = 500 * time.Millisecond

	// settleMost is how long it is waited for that: a device that comes and goes
	// all the time does not hide the others.
	settleMost = 3 * time.Second
)

// Watch calls see with all that is plugged in: at once, and again each time after
// that has changed. A device that was pulled out and put in again has another
// Address, where the system tells. Watch returns when ctx ends, or with the error
// of List if there is nothing to be seen at all.
func Watch(ctx context.Context, see func([]Device)) error {
	wake, stop := listen()
	defer stop()
	w := watcher{list: List, wake: wake, see: see}
	return w.run(ctx)
}

// watcher is a Watch.
type watcher struct {
	list func() ([]Device, error)
	wake <-chan struct{} // something may have changed; nil: nobody tells
	see  func([]Device)
}

func (w *watcher) run(ctx context.Context) error {
	seen, err := w.list()
	if err != nil {
		return err
	}
	w.see(seen)
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-poll.C:
		case <-w.wake:
		}
		now, err := w.list()
		if err != nil || slices.Equal(now, seen) { // an error may pass
			continue
		}
		w.settle(ctx)
		if now, err = w.list(); err == nil && ctx.Err() == nil && !slices.Equal(now, seen) {
			seen = now
			w.see(seen)
		}
	}
}

// settle waits until nothing happens any more.
func (w *watcher) settle(ctx context.Context) {
	most := time.NewTimer(settleMost)
	defer most.Stop()
	quiet := time.NewTimer(settleTime)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-most.C:
			return
		case <-quiet.C:
			return
		case <-w.wake:
			quiet.Reset(settleTime)
		}
	}
}

// sleep waits for d, and reports whether ctx lasted as long.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
