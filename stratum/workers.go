package stratum

import (
	"errors"
	"fmt"
	"slices"

	"gominer/stratum/v1"
)

// Worker is a worker that a connection authorizes besides Config.User.
type Worker struct {
	User, Pass string // Pass: if empty, that of Config
	Weight     int    // its part of the shares beside the others'; default 1, as Config.User has
}

// Spread says which worker a share is submitted for, where there are several.
type Spread int

// The ways to spread shares. The workers take them as far as they are
// authorized.
const (
	SpreadByWeight Spread = iota // in turns, each as often as its weight says
	SpreadByDevice               // the first device's for User, the second's for Workers[0], and so on around
)

const mostWorkers = 1000 // of Config.Workers

// worker is one on a connection.
type worker struct {
	Worker
	authorized bool
	refused    error
	credit     int // of turns
	strangers  int // shares in a row that were refused because the pool does not know it
}

// workers are those of a connection: Config.User's is the first.
type workers []*worker

func newWorkers(c *Config) workers {
	ws := workers{{Worker: Worker{User: c.User, Pass: c.Pass, Weight: 1}}}
	for _, w := range c.Workers {
		setDefault(&w.Pass, c.Pass)
		setDefault(&w.Weight, 1)
		ws = append(ws, &worker{Worker: w})
	}
	return ws
}

// checkWorkers finds what is wrong with Config.Workers.
func (c *Config) checkWorkers() error {
	if len(c.Workers) > mostWorkers {
		return fmt.Errorf("%d workers besides the user: at most %d", len(c.Workers), mostWorkers)
	}
	known := map[string]bool{c.User: true}
	for _, w := range c.Workers {
		switch {
		case w.User == "":
			return errors.New("a worker has no name")
		case known[w.User]:
			return fmt.Errorf("worker %q is given twice", w.User)
		case w.Weight < 0 || w.Weight > 1<<20:
			return fmt.Errorf("worker %q has the weight %d: want 1 to %d", w.User, w.Weight, 1<<20)
		}
		known[w.User] = true
	}
	if c.Spread < SpreadByWeight || c.Spread > SpreadByDevice {
		return fmt.Errorf("unknown way %d to spread shares", c.Spread)
	}
	return nil
}

// authorized returns how many are.
func (ws workers) authorized() (n int) {
	for _, w := range ws {
		if w.authorized {
			n++
		}
	}
	return n
}

// named returns the worker of that name, nil if there is none.
func (ws workers) named(user string) *worker {
	for _, w := range ws {
		if w.User == user {
			return w
		}
	}
	return nil
}

// pick returns the worker for a share of a device; one must be authorized.
func (ws workers) pick(s Spread, device int) *worker {
	if w := ws[device%len(ws)]; s == SpreadByDevice && w.authorized {
		return w
	}
	// The turns come as evenly as they can: whoever has waited the most for his
	// part is next.
	var next *worker
	sum := 0
	for _, w := range ws {
		if !w.authorized {
			continue
		}
		w.credit += w.Weight
		sum += w.Weight
		if next == nil || w.credit > next.credit {
			next = w
		}
	}
	next.credit -= sum
	return next
}

// authorize asks for a worker.
func (c *conn) authorize(w *worker) {
	c.send(&v1.Authorize{ID: c.open(request{what: authorizeRequest, worker: w}), Worker: w.User, Password: w.Pass})
}

// onAuthorize takes the answer to mining.authorize. From the first worker on,
// jobs are mined; the others follow.
func (c *conn) onAuthorize(w *worker, r *v1.Response) error {
	err := r.Accepted()
	switch {
	case w.authorized: // it was asked again for a sign of life
		return nil
	case err != nil:
		return c.refuse(w, err)
	}
	w.authorized = true
	if !c.authorized {
		c.authorized, c.alive.granted = true, c.alive.heard
		c.dropOld()
		c.resubmit()
		if c.job != nil {
			c.publish()
		}
	} else {
		c.resubmit()
	}
	if w == c.workers[0] {
		for _, other := range c.workers[1:] {
			c.authorize(other)
		}
	}
	c.status()
	return nil
}

// refuse leaves w out from now on. If no worker is left, it is the end.
func (c *conn) refuse(w *worker, err error) error {
	w.authorized, w.refused = false, err
	if w == c.workers[0] && !c.authorized {
		for _, other := range c.workers[1:] {
			c.authorize(other)
		}
	}
	waiting := func(w *worker) bool { return w.refused == nil }
	if c.workers.authorized() > 0 || !c.authorized && slices.ContainsFunc(c.workers, waiting) {
		c.src.log.Warn("worker refused, the others go on", "worker", w.User, "error", err)
		c.resubmit()
		c.status()
		return nil
	}
	var refused *v1.Error
	if errors.As(err, &refused) && *refused == (v1.Error{}) {
		return c.errorf("user %q is not allowed to mine here: check the user and the password", w.User)
	}
	return c.errorf("user %q is not allowed to mine here: %w: check the user and the password", w.User, err)
}
