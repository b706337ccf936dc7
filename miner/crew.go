package miner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// crew are the devices of a miner. They may come and go while it runs; the index
// of one is its own for good.
type crew struct {
	m *Miner

	mu      sync.Mutex
	devices []Device // never changed in place: it is handed out
	feeds   []*Feed  // likewise
	posts   []post
	ctx     context.Context // of the run in progress; nil: there is none
	wg      sync.WaitGroup
}

// post is what is known of a device beside it.
type post struct {
	gone bool
	stop context.CancelFunc // nil: it does not run
	over chan struct{}      // closed when it is over
}

// AddDevice lets d mine too, and returns its index. It takes the place, and the
// counts, of one of the same name that was removed. It may be called at any time.
func (m *Miner) AddDevice(d Device) (index int) {
	c := &m.crew
	c.mu.Lock()
	defer c.mu.Unlock()
	name := d.Info().Name
	i := 0
	for i < len(c.posts) && !(c.posts[i].gone && c.devices[i].Info().Name == name) {
		i++
	}
	if i == len(c.posts) {
		c.devices, c.feeds = append(slices.Clip(c.devices), d), append(slices.Clip(c.feeds), &Feed{m: m, device: i})
		c.posts = append(c.posts, post{})
		m.ledger.addDevice(time.Now())
		m.gen.addDevice()
	} else {
		c.devices = slices.Clone(c.devices)
		c.devices[i] = d
		c.posts[i].gone = false
		m.gen.pause(i, false)
	}
	if c.ctx != nil {
		c.start(i)
	}
	return i
}

// RemoveDevice stops the device of that index for good and waits until it has.
// What it found still counts.
func (m *Miner) RemoveDevice(index int) error {
	c := &m.crew
	c.mu.Lock()
	if index < 0 || index >= len(c.devices) || c.posts[index].gone {
		c.mu.Unlock()
		return fmt.Errorf("there is no device %d to remove", index)
	}
	p := &c.posts[index]
	p.gone = true
	stop, over := p.stop, p.over
	m.gen.pause(index, true) // a device notices that sooner than the end of its context
	c.mu.Unlock()
	if stop != nil {
		stop()
		<-over
	}
	m.ledger.deviceFailed(index, nil)
	return nil
}

// Device returns the device of that index, or the latest that had it.
func (m *Miner) Device(index int) Device {
	devices, _ := m.crew.list()
	return devices[index]
}

// list returns the devices and their feeds, those that are gone included.
func (c *crew) list() ([]Device, []*Feed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.devices, c.feeds
}

// name returns that of a device.
func (c *crew) name(device int) string {
	devices, _ := c.list()
	return devices[device].Info().Name
}

// gone reports for every device whether it was removed.
func (c *crew) gone() []bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]bool, len(c.posts))
	for i := range c.posts {
		list[i] = c.posts[i].gone
	}
	return list
}

// run runs all devices until ctx ends, those too that come meanwhile.
func (c *crew) run(ctx context.Context) {
	c.mu.Lock()
	c.ctx = ctx
	for i := range c.posts {
		if !c.posts[i].gone {
			c.start(i)
		}
	}
	c.mu.Unlock()
	<-ctx.Done()
	c.mu.Lock()
	c.ctx = nil // nothing is started any more
	c.mu.Unlock()
	c.wg.Wait()
}

// start runs a device. The caller holds mu.
func (c *crew) start(i int) {
	ctx, stop := context.WithCancel(c.ctx)
	d, f, over, before := c.devices[i], c.feeds[i], make(chan struct{}), c.posts[i].over
	c.posts[i].stop, c.posts[i].over = stop, over
	c.wg.Go(func() {
		defer close(over)
		defer stop()
		if before != nil { // the one whose place it takes
			<-before
		}
		c.runDevice(ctx, d, f)
	})
}

// runDevice runs one device for as long as ctx lasts: one that fails is named,
// and tried again after a while.
func (c *crew) runDevice(ctx context.Context, d Device, f *Feed) {
	m, wait := c.m, backoff{rand: rand.New(rand.NewPCG(uint64(f.device), 1))}
	var told string // the latest failure
	for {
		started := time.Now()
		err := d.Run(ctx, f)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("stopped by itself")
		}
		if time.Since(started) > backoffMost {
			wait.reset()
			told = ""
		}
		m.ledger.deviceFailed(f.device, err)
		name, failure := d.Info().Name, &Failure{}
		fixed := errors.As(err, &failure)
		if fixed && failure.After < 0 {
			m.log.Error("device failed, is left out", "device", name, "error", err)
			<-ctx.Done()
			return
		}
		level := slog.LevelError
		if err.Error() == told { // of one that is asked for every second, say, until it is plugged in
			level = slog.LevelDebug
		}
		told = err.Error()
		m.log.Log(ctx, level, "device failed, will be tried again", "device", name, "error", err)
		if fixed && !sleep(ctx, failure.After) || !fixed && !wait.wait(ctx) {
			return
		}
		m.ledger.deviceFailed(f.device, nil)
	}
}
