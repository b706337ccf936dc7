// Package fault makes a pool misbehave, so that miners can be tested against it:
// it speaks the dialects of other pools, breaks down in the ways that pools do, or
// attacks its clients. It holds the table of these faults and puts them between a
// pool.Pool and its connections; a pool without faults never meets it.
//
// Most faults work on lines of Stratum V1 on their way to the client, whose
// grammar is known to stratum/v1. They are no part of any specification.
package fault

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"gominer/stratum/pool"
)

// Kind says what a fault is a test of.
type Kind int

// The kinds.
const (
	Dialect Kind = iota // a way of real pools: a miner mines all the same
	Trouble             // a way in which pools break down: a miner goes on, or to the next pool
	Hostile             // an attack: a miner lives, and says what happened
)

func (k Kind) String() string { return [...]string{"dialect", "trouble", "hostile"}[k] }

// Fault is one way to misbehave.
type Fault struct {
	Name    string
	Arg     string // what it can be told, such as "N" or "TIME"; "" if nothing
	Default string // of the argument
	Kind    Kind
	About   string // one line

	value   string // the argument
	prepare func(arg string) (effect, error)
}

// String returns the fault as Parse reads it.
func (f Fault) String() string {
	if f.value == "" {
		return f.Name
	}
	return f.Name + "=" + f.value
}

// All returns every fault, with its default argument.
func All() []Fault { return slices.Concat(dialects, troubles, hostiles) }

// Parse reads NAME or NAME=ARGUMENT.
func Parse(s string) (Fault, error) {
	name, value, given := strings.Cut(s, "=")
	all := All()
	i := slices.IndexFunc(all, func(f Fault) bool { return f.Name == name })
	if i < 0 {
		return Fault{}, &UnknownError{Name: name}
	}
	f := all[i]
	if given && f.Arg == "" {
		return f, fmt.Errorf("fault %s takes no argument", name)
	}
	if given {
		f.value = value
	}
	if _, err := f.effect(); err != nil {
		return f, fmt.Errorf("fault %s=%.40q: %w", name, value, err)
	}
	return f, nil
}

// UnknownError says that there is no fault of a name.
type UnknownError struct{ Name string }

func (e *UnknownError) Error() string { return fmt.Sprintf("there is no fault %.40q", e.Name) }

// Apply makes a pool of cfg misbehave in all of the ways, the first nearest to
// the pool; what Config.Wrap has already is nearer still.
func Apply(cfg *pool.Config, faults ...Fault) error {
	var acts []func(*wire) act
	for _, f := range faults {
		e, err := f.effect()
		if err != nil {
			return fmt.Errorf("fault %v: %w", f, err)
		}
		if e.config != nil {
			e.config(cfg)
		}
		if e.act != nil {
			acts = append(acts, e.act)
		}
	}
	if len(acts) == 0 {
		return nil
	}
	before := cfg.Wrap
	cfg.Wrap = func(nc net.Conn, done <-chan struct{}) net.Conn {
		nc = newWire(nc, done, acts)
		if before != nil {
			nc = before(nc, done)
		}
		return nc
	}
	return nil
}

// effect is what a fault does, its argument known.
type effect struct {
	config func(cfg *pool.Config) // once
	act    func(w *wire) act      // on each connection
}

func (f *Fault) effect() (effect, error) {
	value := f.value
	if value == "" {
		value = f.Default
	}
	return f.prepare(value)
}

// act is a fault at work on one connection. What is nil is as usual.
type act struct {
	// begin runs beside the connection from its start on; it ends when wire.done is
	// closed.
	begin func()

	out outFunc
}

// outFunc returns what is sent in place of a line of the pool, and what is done
// after that; nil for nothing. An error, which says why, ends the connection.
type outFunc func(l *line) (instead []string, after func() error)

// The ways to read an argument.

func plain(e effect) func(string) (effect, error) {
	return func(string) (effect, error) { return e, nil }
}

func number(least, most int, do func(n int) effect) func(string) (effect, error) {
	return func(arg string) (effect, error) {
		n, err := strconv.Atoi(arg)
		if err != nil || n < least || n > most {
			return effect{}, fmt.Errorf("want a whole number from %d to %d", least, most)
		}
		return do(n), nil
	}
}

func span(do func(d time.Duration) effect) func(string) (effect, error) {
	return func(arg string) (effect, error) {
		d, err := time.ParseDuration(arg)
		if err != nil || d <= 0 || d > 24*time.Hour {
			return effect{}, fmt.Errorf("want a time such as 50ms or 3s")
		}
		return do(d), nil
	}
}

func choice(do func(one string) effect, of ...string) func(string) (effect, error) {
	return func(arg string) (effect, error) {
		if !slices.Contains(of, arg) {
			return effect{}, fmt.Errorf("want one of %s", strings.Join(of, ", "))
		}
		return do(arg), nil
	}
}

func text(do func(s string) effect) func(string) (effect, error) {
	return func(arg string) (effect, error) {
		if strings.ContainsAny(arg, "\r\n") {
			return effect{}, fmt.Errorf("want one line")
		}
		return do(arg), nil
	}
}

// lines is the effect of a fault that changes lines. each returns, for a new
// connection, what becomes of them.
func lines(each func(w *wire) outFunc) effect {
	return effect{act: func(w *wire) act { return act{out: each(w)} }}
}

// rewrite is the effect of a fault that changes lines, each for itself.
func rewrite(f func(l *line) []string) effect {
	return lines(func(*wire) outFunc {
		return func(l *line) ([]string, func() error) { return f(l), nil }
	})
}

// quirk is the effect of a fault that the pool itself can do.
func quirk(set func(q *pool.Quirks)) effect {
	return effect{config: func(cfg *pool.Config) { set(&cfg.Quirks) }}
}
