package usb

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// plugs is what is plugged in, in a test.
type plugs struct {
	mu   sync.Mutex
	now  []Device
	err  error
	wake chan struct{}
	seen [][]Device
	at   []time.Duration // when it was seen
}

// set lets list return these from now on.
func (p *plugs) set(err error, now ...Device) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now, p.err = now, err
}

func (p *plugs) list() ([]Device, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now, p.err
}

// watched runs a watcher over script in a bubble.
func watched(t *testing.T, tells bool, script func(p *plugs)) *plugs {
	p := &plugs{now: []Device{{Path: "a"}}}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		w := &watcher{
			list: p.list,
			see: func(list []Device) {
				p.seen, p.at = append(p.seen, list), append(p.at, time.Since(start))
			},
		}
		if tells {
			p.wake = make(chan struct{}, 1)
			w.wake = p.wake
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.run(ctx) }()
		synctest.Wait()
		script(p)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
	return p
}

func (p *plugs) want(t *testing.T, seen [][]Device, at []time.Duration) {
	t.Helper()
	if !reflect.DeepEqual(p.seen, seen) || !reflect.DeepEqual(p.at, at) {
		t.Errorf("saw %v at %v, want %v at %v", p.seen, p.at, seen, at)
	}
}

func TestWatchTold(t *testing.T) {
	one, two := []Device{{Path: "a"}}, []Device{{Path: "a"}, {Path: "b"}}
	p := watched(t, true, func(p *plugs) {
		time.Sleep(time.Second)
		p.set(nil, two...)
		p.wake <- struct{}{}
		time.Sleep(time.Second)
		p.set(nil, one...)
		p.wake <- struct{}{}
		time.Sleep(10 * time.Second)
	})
	p.want(t, [][]Device{one, two, one}, []time.Duration{0, 1500 * time.Millisecond, 2500 * time.Millisecond})
}

func TestWatchPolls(t *testing.T) {
	one, two := []Device{{Path: "a"}}, []Device{{Path: "a"}, {Path: "b"}}
	p := watched(t, false, func(p *plugs) {
		time.Sleep(time.Second)
		p.set(nil, two...)
		time.Sleep(3 * time.Second)
		p.set(errors.New("for a moment"))
		time.Sleep(3 * time.Second)
		p.set(nil)
		time.Sleep(3 * time.Second)
	})
	p.want(t, [][]Device{one, two, nil}, []time.Duration{0, 3500 * time.Millisecond, 9500 * time.Millisecond})
}

// TestWatchSettles plugs a device out and in again at once, and lets another
// come and go all the time.
func TestWatchSettles(t *testing.T) {
	before, after := []Device{{Path: "a", Address: 5}}, []Device{{Path: "a", Address: 6}}
	p := watched(t, true, func(p *plugs) {
		p.set(nil, before...)
		p.wake <- struct{}{}
		time.Sleep(time.Second)
		p.set(nil)
		p.wake <- struct{}{}
		time.Sleep(300 * time.Millisecond)
		p.set(nil, after...)
		p.wake <- struct{}{}
		time.Sleep(time.Second)
		for range 20 {
			p.set(nil, Device{Path: "flutter"}, after[0])
			p.wake <- struct{}{}
			time.Sleep(200 * time.Millisecond)
		}
	})
	p.want(t, [][]Device{{{Path: "a"}}, before, after, {{Path: "flutter"}, after[0]}},
		[]time.Duration{0, 500 * time.Millisecond, 1800 * time.Millisecond, 5300 * time.Millisecond})
}

func TestWatchFails(t *testing.T) {
	why := errors.New("no rights")
	w := watcher{list: func() ([]Device, error) { return nil, why }}
	if err := w.run(t.Context()); err != why {
		t.Errorf("got %v, want %v", err, why)
	}
}
