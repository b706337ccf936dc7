// Package board looks after boards that leave their own power to the host: it
// switches the chips on, watches their sensors, and switches them off when
// something is wrong, and at the end. Compac A1 and A2 have a telemetry port for
// that, boards with bitaxe-raw firmware a control port that reaches the fan
// controller and the regulator.
//
// Mistakes here can destroy hardware: whatever can't be read counts as the worst.
// All of it was written from the protocols and has been run against boards in
// software alone.
package board

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"gominer/hasher/asic"
	"gominer/miner"
)

const (
	// watchEvery is how often the sensors are read.
	watchEvery = 2 * time.Second

	// offTime is how long switching off may take at the end.
	offTime = 5 * time.Second
)

// power is what a kind of board does for the rest of the package. One goroutine
// calls it at a time.
type power interface {
	// on powers the chips, which may be on already, and releases their reset.
	on(ctx context.Context) error

	// sense reads all sensors. An error means that the chips have to be off.
	sense(ctx context.Context) (miner.Health, error)

	// off takes the power from the chips. trouble says that they may be hot.
	off(ctx context.Context, trouble bool) error

	// close closes the port that all this goes by.
	close() error
}

// guard is the port to the chips of a board that is looked after. It fails when
// the board is switched off.
type guard struct {
	asic.Port
	power  power
	log    *slog.Logger
	health atomic.Pointer[miner.Health]

	turn chan struct{} // filled by who uses power
	isOn bool          // for who has the turn

	mu    sync.Mutex
	cause error // why the chips are off

	cancel context.CancelFunc
	over   sync.WaitGroup
	once   sync.Once
}

// newBoard looks after a board from now on, every so often, until its port is
// closed. Its chips get their power by Reset.
func newBoard(chips asic.Port, p power, every time.Duration, log *slog.Logger) *asic.Board {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	g := &guard{Port: chips, power: p, log: log, turn: make(chan struct{}, 1), cancel: cancel}
	g.health.Store(new(miner.Health))
	g.over.Go(func() { g.watch(ctx, every) })
	return &asic.Board{Port: g, Reset: g.reset, Health: func() miner.Health { return *g.health.Load() }}
}

// reset switches the chips on, after a look at the sensors. A board that is not
// well is off afterwards, as one that falls ill later.
func (g *guard) reset(ctx context.Context) error {
	g.turn <- struct{}{}
	defer func() { <-g.turn }()
	g.isOn = true // also if that gets stuck half-way
	if err := g.power.on(ctx); err != nil {
		if ctx.Err() == nil { // else nothing is wrong, and Close does it
			g.switchOff(true)
		}
		return fmt.Errorf("switch the board on: %w", err)
	}
	return nil
}

// watch reads the sensors every now and then, and takes the power from the chips
// of a board that is not well.
func (g *guard) watch(ctx context.Context, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		select {
		case <-ctx.Done():
			return
		case g.turn <- struct{}{}:
		}
		err := g.look(ctx)
		<-g.turn
		if err != nil {
			return
		}
	}
}

// look reads the sensors once. The caller has the turn.
func (g *guard) look(ctx context.Context) error {
	if !g.isOn {
		return nil
	}
	h, err := g.power.sense(ctx)
	if err == nil {
		g.health.Store(&h)
		return nil
	}
	if ctx.Err() != nil { // it ends anyway
		return ctx.Err()
	}
	g.mu.Lock()
	g.cause = fmt.Errorf("%w: %w", asic.ErrOff, err)
	g.mu.Unlock()
	g.switchOff(true)
	_ = g.Port.Close() // which ends a Read: that tells why
	return err
}

// switchOff takes the power from the chips. The caller has the turn.
func (g *guard) switchOff(trouble bool) {
	if !g.isOn {
		return
	}
	g.isOn = false
	ctx, cancel := context.WithTimeout(context.Background(), offTime)
	defer cancel()
	if err := g.power.off(ctx, trouble); err != nil {
		g.log.Error("the board can't be switched off: pull its plug", "error", err)
	}
}

// why is the error of a port whose board was switched off.
func (g *guard) why(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil && g.cause != nil {
		return g.cause
	}
	return err
}

func (g *guard) Read(b []byte) (int, error) {
	n, err := g.Port.Read(b)
	return n, g.why(err)
}

func (g *guard) Write(b []byte) (int, error) {
	n, err := g.Port.Write(b)
	return n, g.why(err)
}

func (g *guard) SetBaud(baud int) error { return g.why(g.Port.SetBaud(baud)) }

// Close switches the board off and closes its ports.
func (g *guard) Close() error {
	err := g.Port.Close()
	g.once.Do(func() {
		g.cancel()
		g.over.Wait()
		g.turn <- struct{}{}
		defer func() { <-g.turn }()
		g.switchOff(false)
		_ = g.power.close() // nothing was written that could be lost
	})
	return err
}
