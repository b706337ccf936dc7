package miner

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
)

// SetSource makes src what is mined on, in place of the source before. It may be
// called at any time, also before Run.
//
// Where both are made of sources by one strategy, or both by Quota, those that
// are part of both, as the same value, go on with the session that they have.
// What is mined and is no longer part ends when another has a job.
func (m *Miner) SetSource(src Source) {
	m.tree.Lock()
	defer m.tree.Unlock()
	after, isGroup := src.(group)
	if old, ok := m.source.(group); ok && isGroup && old.adopt(after) {
		poke(m.adopted)
	} else {
		m.source = src
		if m.replace != nil {
			m.replace()
		}
	}
	m.ledger.delist()
	m.ledger.enlist(src, src.Name())
}

// current returns what is to be mined on.
func (m *Miner) current() Source {
	m.tree.Lock()
	defer m.tree.Unlock()
	return m.source
}

// turn is the time of one Source.
type turn struct {
	src     Source
	session context.Context // ends when src is replaced, or with the miner
	wait    context.Context // likewise; the miner gives no more work when it ends
	end     context.CancelFunc
}

// turn begins the time of the source that is to be mined on.
func (m *Miner) turn(ctx, sourceCtx context.Context) turn {
	m.tree.Lock()
	defer m.tree.Unlock()
	t := turn{src: m.source}
	session, endSession := context.WithCancel(sourceCtx)
	wait, endWait := context.WithCancel(ctx)
	t.session, t.wait = session, wait
	t.end = func() { endSession(); endWait() }
	m.replace = t.end
	return t
}

// settleGone lets what src is made of settle, beside that which is mined on still,
// in goroutines of wg.
func (m *Miner) settleGone(wg *sync.WaitGroup, src Source) {
	var stay []Source
	leavesOf(m.current(), "", func(s Source, _ string) { stay = append(stay, s) })
	leavesOf(src, src.Name(), func(s Source, name string) {
		if !slices.Contains(stay, s) {
			m.settleBeside(wg, s, name)
		}
	})
}

// settleBeside lets src settle in a goroutine of wg: it may take its time, to give
// a block to a node. A session of what settles waits for it.
func (m *Miner) settleBeside(wg *sync.WaitGroup, src Source, name string) {
	done := make(chan struct{})
	leavesOf(src, name, func(s Source, _ string) {
		if _, ok := s.(Settler); ok {
			m.settling.Store(s, done)
		}
	})
	wg.Go(func() {
		m.settle(src, name)
		close(done)
	})
}

// awaitSettled waits until src has settled, if it has or is about to, and reports
// whether that is so.
func (m *Miner) awaitSettled(src Source) bool {
	if _, ok := src.(Settler); !ok {
		return false
	}
	settled, ok := m.settling.Load(src)
	if ok {
		<-settled.(chan struct{})
	}
	return ok
}

// leavesOf calls f for everything that src is made of in the end.
func leavesOf(src Source, name string, f func(src Source, name string)) {
	g, ok := src.(group)
	if !ok {
		f(src, name)
		return
	}
	for _, member := range g.members() {
		leavesOf(member.src, member.name, f)
	}
}

// keepNames gives those of the members of now that were among before the names
// that they had, by which they are counted, and the others names of their own.
func keepNames(before, now []member) {
	taken := make(map[string]bool)
	for i := range now {
		now[i].name = ""
		if k := slices.IndexFunc(before, func(m member) bool { return m.src == now[i].src }); k >= 0 {
			now[i].name = before[k].name
			taken[now[i].name] = true
		}
	}
	for i := range now {
		if now[i].name != "" {
			continue
		}
		name := now[i].src.Name()
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s (%d)", now[i].src.Name(), n)
		}
		now[i].name, taken[name] = name, true
	}
}

func (o *ordered) adopt(g group) bool {
	n, ok := g.(*ordered)
	if !ok {
		return false
	}
	before := o.members()
	n.mu.Lock()
	keepNames(before, n.list)
	n.mu.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.next = n
	if o.wake != nil {
		poke(o.wake)
	}
	return true
}

// heir returns what o is to become, or o itself.
func (o *ordered) heir() *ordered {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.next != nil {
		return o.next
	}
	return o
}

// become makes o what it adopted, and reports whether there was something.
func (o *ordered) become() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.next
	if n == nil {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	o.next, o.manner, o.list, o.order, o.wanted, o.pinned = nil, n.manner, n.list, n.order, n.wanted, n.pinned
	return true
}

// renew makes the candidates those of the list, which is another one. Sessions of
// members that stay go on; that which is mined goes on until another can be.
func (r *orderedRun) renew() {
	old := r.all
	r.all, r.turn = nil, nil
	for _, m := range r.o.list { // only this goroutine writes it
		c := &candidate{leg: &leg{member: m}}
		if i := slices.IndexFunc(old, func(c *candidate) bool { return c.src == m.src }); i >= 0 {
			c = old[i]
			c.leaving = false
			old = slices.Delete(old, i, i+1)
		}
		r.all = append(r.all, c)
	}
	r.stay = len(r.all)
	for _, c := range old {
		c.leaving = true
		switch {
		case c.session == nil:
			r.gone(c.leg)
			continue
		case c != r.mine:
			c.stop()
		}
		r.all = append(r.all, c)
	}
	r.number()
}

// number gives the legs their places.
func (r *orderedRun) number() {
	r.list = nil
	for i, c := range r.all {
		c.index = i
		r.list = append(r.list, c.leg)
	}
}

// left takes out a member whose last session is over.
func (r *orderedRun) left(c *candidate) {
	if c == r.mine {
		r.mine = nil
	}
	r.all = slices.Delete(r.all, c.index, c.index+1)
	r.number()
	r.gone(c.leg)
}

// gone looks after what a member that is no longer part leaves behind.
func (g *legs) gone(l *leg) {
	if !slices.ContainsFunc(g.list, func(o *leg) bool { return o != l && o.name == l.name }) {
		g.status(l, SourceStatus{State: Idle}, false)
	}
	g.s.m.settleBeside(&g.wg, l.src, l.name)
}

func (q *quota) adopt(g group) bool {
	n, ok := g.(*quota)
	if !ok {
		return false
	}
	parts := slices.Clone(n.now())
	list := n.members()
	keepNames(q.members(), list)
	for i := range parts {
		parts[i].member = list[i]
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.parts, q.news = parts, true
	if q.wake != nil {
		poke(q.wake)
	}
	return true
}

// renewed returns the parts, and whether the run in progress does not know them.
func (q *quota) renewed() (parts []quotaPart, news bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	news, q.news = q.news, false
	return q.parts, news
}

// renew makes the portions those of the list, which is another one.
func (r *quotaRun) renew(list []quotaPart) {
	old := r.all
	r.all = nil
	for _, m := range list {
		p := &portion{leg: &leg{member: m.member}, wait: backoff{rand: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))}}
		if i := slices.IndexFunc(old, func(p *portion) bool { return p.src == m.src }); i >= 0 {
			p = old[i]
			p.leaving = false
			old = slices.Delete(old, i, i+1)
		}
		p.weight = m.weight
		r.all = append(r.all, p)
	}
	for _, p := range old {
		p.leaving = true
		if p.session == nil {
			r.gone(p.leg)
			continue
		}
		p.stop()
		r.all = append(r.all, p)
	}
	r.number()
}

func (r *quotaRun) number() {
	r.list = nil
	for i, p := range r.all {
		p.index = i
		r.list = append(r.list, p.leg)
	}
}

func (r *quotaRun) left(p *portion) {
	r.all = slices.Delete(r.all, p.index, p.index+1)
	r.number()
	r.gone(p.leg)
}
