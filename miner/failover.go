package miner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	probeEvery   = 30 * time.Second // how often better sources are tried
	probeTimeout = 30 * time.Second // for the first job of a source that is tried
	probeStable  = time.Minute      // how long it must stay up from then on
)

// Failover returns a Source made of sources, the most preferred first. When one
// fails the next is run at once; when all have failed, Run fails. While a less
// preferred one runs, the better ones are tried now and then, by a session whose
// jobs go nowhere, and one that has stayed up for a minute is returned to.
//
// Each source gets Sessions of its own, so that a share can't reach another.
func Failover(sources ...Source) Source {
	if len(sources) == 1 {
		return sources[0]
	}
	return failover(sources)
}

type failover []Source

func (f failover) Name() string {
	names := make([]string, len(f))
	for i, s := range f {
		names[i] = s.Name()
	}
	return strings.Join(names, ", ")
}

func (f failover) members() []Source { return f }

// Settle lets every source settle.
func (f failover) Settle(s *Session) {
	for _, src := range f {
		s.child(src).settle(src)
	}
}

func (f failover) Run(ctx context.Context, s *Session) error {
	err := errors.New("there is none")
	for i := 0; i < len(f); {
		better, e := f.hold(ctx, i, s)
		switch {
		case ctx.Err() != nil:
			return e
		case better >= 0:
			i = better
		default:
			err = e
			i++
		}
	}
	return fmt.Errorf("no pool is left to try, the last said: %w", err)
}

// hold runs source i until it fails, or until a better one is seen to be up.
// It returns the better one's index, -1 for none.
func (f failover) hold(ctx context.Context, i int, s *Session) (better int, err error) {
	parent := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	better = -1
	var wg sync.WaitGroup
	if i > 0 && s.probe == nil {
		wg.Go(func() {
			if n := f[:i].probe(ctx, s.m); n >= 0 {
				better = n
				cancel()
			}
		})
	}
	child := s.child(f[i])
	err = child.run(ctx, f[i])
	cancel()
	wg.Wait()
	if child.published.Load() {
		s.published.Store(true)
	}
	if better >= 0 || parent.Err() != nil {
		child.Status(SourceStatus{State: Idle})
	} else {
		child.Status(SourceStatus{State: Down, Err: err})
	}
	return better, err
}

// probe returns the index of the first source of f that came up and stayed up,
// -1 when ctx ends.
func (f failover) probe(ctx context.Context, m *Miner) int {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return -1
		case <-tick.C:
		}
		for i, src := range f {
			if alive(ctx, m, src) {
				return i
			}
			if ctx.Err() != nil {
				return -1
			}
		}
	}
}

// alive reports whether src hands out a job soon and then stays up.
func alive(ctx context.Context, m *Miner, src Source) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	jobs := make(chan struct{}, 1)
	s := &Session{m: m, name: src.Name(), done: make(chan struct{}), probe: func() {
		select {
		case jobs <- struct{}{}:
		default:
		}
	}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = src.Run(ctx, s) // why it failed was said when it was in use
	}()
	defer func() { <-ended }()
	defer cancel()
	for wait, jobs := probeTimeout, jobs; ; {
		t := time.NewTimer(wait)
		select {
		case <-ended:
			t.Stop()
			return false
		case <-jobs:
			t.Stop()
			wait, jobs = probeStable, nil
		case <-t.C:
			return jobs == nil
		}
	}
}
