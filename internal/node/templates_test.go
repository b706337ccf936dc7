package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// chainNode is a node whose chain grows when the test says so. A long poll waits
// for that, as a node's does.
type chainNode struct {
	t        *testing.T
	noPolls  bool
	mu       sync.Mutex
	height   int
	grown    chan struct{}
	down     bool
	open     int // long polls
	mostOpen int
	cut      time.Duration // long polls are cut off after this; 0: never
	plain    int           // calls without a long poll id
}

func (n *chainNode) grow() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.height++
	close(n.grown)
	n.grown = make(chan struct{})
}

// poke ends long polls with the template that they have already, as btcd does
// when a block comes in beside the best chain.
func (n *chainNode) poke() {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.grown)
	n.grown = make(chan struct{})
}

func (n *chainNode) setDown(down bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = down
	close(n.grown) // who waits is thrown out
	n.grown = make(chan struct{})
}

func (n *chainNode) template() string {
	id := any(fmt.Sprintf("id%d", n.height))
	if n.noPolls {
		id = nil
	}
	return string(edit(n.t, "core-regtest.json", map[string]any{
		"height": n.height, "previousblockhash": fmt.Sprintf("%064x", n.height-1), "longpollid": id,
		"curtime": time.Now().Unix(),
	}))
}

func (n *chainNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	down := n.down
	n.mu.Unlock()
	if down {
		panic(http.ErrAbortHandler)
	}
	f := &fake{core: true, methods: map[string]method{
		"getblockchaininfo": answers(regtest),
		"getblocktemplate":  func(params []json.RawMessage) (string, error) { return n.answer(r.Context(), params) },
	}}
	f.ServeHTTP(w, r)
}

func (n *chainNode) answer(ctx context.Context, params []json.RawMessage) (string, error) {
	var request struct{ LongPollID string }
	if err := json.Unmarshal(params[0], &request); err != nil {
		return "", err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if request.LongPollID == "" {
		n.plain++
		return n.template(), nil
	}
	n.open++
	n.mostOpen = max(n.mostOpen, n.open)
	defer func() { n.open-- }()
	if request.LongPollID == fmt.Sprintf("id%d", n.height) {
		grown, cut := n.grown, (<-chan time.Time)(nil)
		if n.cut > 0 {
			cut = time.After(n.cut)
		}
		n.mu.Unlock()
		select {
		case <-grown:
		case <-cut:
			n.mu.Lock()
			panic(http.ErrAbortHandler)
		case <-ctx.Done():
		}
		n.mu.Lock()
		if n.down {
			panic(http.ErrAbortHandler)
		}
	}
	return n.template(), nil
}

// watch collects what Templates yields, as "seconds: height" or "seconds: error".
type watched struct {
	mu  sync.Mutex
	log []string
	all []*Template
}

func (w *watched) run(ctx context.Context, c *Client, started time.Time) {
	for t, err := range c.Templates(ctx) {
		w.mu.Lock()
		at := time.Since(started).Seconds()
		if err != nil {
			kind := "other error"
			if errors.Is(err, ErrDown) {
				kind = "down"
			}
			w.log = append(w.log, fmt.Sprintf("%g: %s", at, kind))
		} else {
			w.log = append(w.log, fmt.Sprintf("%g: %d", at, t.Height))
			w.all = append(w.all, t)
		}
		w.mu.Unlock()
	}
}

func (w *watched) check(t *testing.T, want ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.log, want) {
		t.Errorf("templates came at\n %s\nwant\n %s", strings.Join(w.log, "\n "), strings.Join(want, "\n "))
	}
}

// inBubble runs play against a node and a watcher in a synctest bubble.
func inBubble(t *testing.T, n *chainNode, play func(t *testing.T, w *watched)) {
	synctest.Test(t, func(t *testing.T) {
		n.t, n.height, n.grown = t, 100, make(chan struct{})
		c := bubble(t, n)
		ctx, cancel := context.WithCancel(t.Context())
		w := new(watched)
		var wg sync.WaitGroup
		started := time.Now()
		wg.Go(func() { w.run(ctx, c, started) })
		synctest.Wait()
		play(t, w)
		cancel()
		wg.Wait() // Templates ends with ctx, its long poll too
	})
}

// pass lets time pass.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestTemplatesLongPoll(t *testing.T) {
	n := new(chainNode)
	inBubble(t, n, func(t *testing.T, w *watched) {
		w.check(t, "0: 100")
		pass(time.Second)
		n.grow()
		pass(time.Second)
		n.grow()
		pass(65 * time.Second) // two refreshes
		n.grow()
		synctest.Wait()
		w.check(t, "0: 100", "1: 101", "2: 102", "32: 102", "62: 102", "67: 103")
		if n.mostOpen != 1 {
			t.Errorf("%d long polls were open at once", n.mostOpen)
		}
		if first, last := w.all[2], w.all[3]; &first.Txs[0] != &last.Txs[0] {
			t.Error("the same transactions are held twice")
		}
	})
}

func TestTemplatesWithoutLongPoll(t *testing.T) {
	n := &chainNode{noPolls: true}
	inBubble(t, n, func(t *testing.T, w *watched) {
		pass(7 * time.Second)
		n.grow()
		pass(4 * time.Second)
		w.check(t, "0: 100", "5: 100", "10: 101")
	})
}

// TestTemplatesCutPoll has a proxy between that ends long polls early: no error,
// and no storm.
func TestTemplatesCutPoll(t *testing.T) {
	n := &chainNode{cut: 2 * time.Second}
	inBubble(t, n, func(t *testing.T, w *watched) {
		pass(20 * time.Second)
		// The pause before the next poll: 0.1, 0.2, 0.4, 0.8, 1.6 s.
		w.check(t, "0: 100", "2: 100", "4.1: 100", "6.3: 100", "8.7: 100", "11.5: 100", "15.1: 100")
	})
}

func TestTemplatesPoked(t *testing.T) {
	n := new(chainNode)
	inBubble(t, n, func(t *testing.T, w *watched) {
		pass(time.Second)
		n.poke()
		pass(time.Second)
		n.grow()
		pass(time.Second)
		n.grow()
		synctest.Wait()
		w.check(t, "0: 100", "1: 100", "2: 101", "3: 102")
	})
}

func TestTemplatesNodeDown(t *testing.T) {
	n := new(chainNode)
	inBubble(t, n, func(t *testing.T, w *watched) {
		pass(time.Second)
		n.setDown(true)
		pass(10 * time.Second)
		n.setDown(false)
		pass(10 * time.Second)
		// Tries after 1, 2, 4 and 8 s.
		w.check(t, "0: 100", "1: down", "2: down", "4: down", "8: down", "16: 100")
		n.grow()
		synctest.Wait()
		w.check(t, "0: 100", "1: down", "2: down", "4: down", "8: down", "16: 100", "21: 101")
	})
}

func TestTemplatesStop(t *testing.T) {
	n := new(chainNode)
	synctest.Test(t, func(t *testing.T) {
		n.t, n.height, n.grown = t, 100, make(chan struct{})
		c := bubble(t, n)
		for tpl, err := range c.Templates(t.Context()) {
			if err != nil || tpl.Height != 100 {
				t.Errorf("got %+v, %v", tpl, err)
			}
			break
		}
		synctest.Wait()
		if n.mostOpen != 0 {
			t.Error("a long poll was opened for nobody")
		}
		n.setDown(true)
		for tpl, err := range c.Templates(t.Context()) {
			if err == nil {
				t.Errorf("got %+v of a node that is down", tpl)
			}
			break
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for tpl, err := range c.Templates(ctx) {
			t.Errorf("got %+v, %v after the end", tpl, err)
		}
	})
}
