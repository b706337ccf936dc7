package replay

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"gominer/stratum/v1"
)

const (
	handshakeTime = time.Minute      // from the connection to mining.authorize
	idleTime      = 10 * time.Minute // without a line of the miner, after it
	writeTime     = 10 * time.Second // for one line; who reads more slowly is dropped
	mostWorkers   = 256              // of one connection
	mostWarnings  = 10               // a minute, of one connection
)

var (
	errPlayed = errors.New("the pool closed the connection in the recording")
	errLeft   = errors.New("the miner closed the connection")
	errEnd    = errors.New("the replay stops")
	errSlow   = errors.New("it does not read what it is sent")
	errSilent = errors.New("silent for too long")
)

// player plays a script to one miner. A goroutine reads; everything else happens
// in loop, which owns all fields but the channels.
type player struct {
	*script
	nc    net.Conn
	speed float64 // +Inf: everything at once
	log   *slog.Logger
	tally *tally

	in   chan received // from the reader
	done chan struct{} // closed when loop is over

	next    int               // the item whose turn it is
	from    time.Time         // when the clock below was set
	at      time.Duration     // what the recording's clock said then
	came    map[string]string // gates that the miner asked at: the id to be answered, "" once it was
	late    map[string][]byte // answers at gates that the miner had not asked at when it was their turn
	given   map[string]int    // requests of a method that is no gate so far
	workers map[string]bool   // that were authorized
	told    *told

	extranonces bool // the miner understands mining.set_extranonce

	warned   time.Time // when the minute of warnings began
	warnings int       // in it
}

// received is a message of the miner, or why there is none.
type received struct {
	m   v1.Message
	err error
}

func newPlayer(sc *script, nc net.Conn, speed float64, log *slog.Logger, t *tally) *player {
	return &player{
		script: sc, nc: nc, speed: speed, log: log, tally: t,
		in: make(chan received), done: make(chan struct{}),
		came: make(map[string]string), late: make(map[string][]byte), given: make(map[string]int),
		workers: make(map[string]bool), told: newTold(),
	}
}

// run plays until the miner goes, ctx ends, or the pool of the recording hangs
// up. It returns why. It leaves no goroutine, and closes nc.
func (p *player) run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(p.read)
	p.set(0)
	err := p.loop(ctx)
	close(p.done)
	_ = p.nc.Close()
	wg.Wait()
	return err
}

func (p *player) read() {
	lines := v1.NewConn(&patient{nc: p.nc, until: time.Now().Add(handshakeTime)}, v1.Limits{})
	for {
		m, err := lines.Read()
		select {
		case p.in <- received{m, err}:
		case <-p.done:
			return
		}
		var field *v1.FieldError
		if err != nil && !errors.As(err, &field) {
			return
		}
	}
}

// patient reads from the miner and knows how long to wait for it.
type patient struct {
	nc    net.Conn
	until time.Time // of the first line
}

func (r *patient) Read(b []byte) (int, error) {
	_ = r.nc.SetReadDeadline(r.until) // an error shows in Read
	n, err := r.nc.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errSilent
	}
	r.until = time.Now().Add(idleTime)
	return n, err
}

// Write is not used: lines go through the player.
func (r *patient) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func (p *player) loop(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait, err := p.play()
		if err != nil {
			return err
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return errEnd
		case r := <-p.in:
			if err := p.receive(r); err != nil {
				return err
			}
		case <-timer.C:
		}
	}
}

// set makes the recording's clock say at.
func (p *player) set(at time.Duration) { p.from, p.at = time.Now(), at }

// due returns how long it is until the recording's clock says at; 0 or less if it
// did already.
func (p *player) due(at time.Duration) time.Duration {
	if math.IsInf(p.speed, 1) {
		return 0
	}
	wait := float64(at-p.at)/p.speed - float64(time.Since(p.from))
	return time.Duration(min(wait, float64(time.Hour)))
}

// play does what it is the time for and returns how long it is until the next
// look.
func (p *player) play() (time.Duration, error) {
	for p.next < len(p.items) {
		it := &p.items[p.next]
		if it.what == gate {
			if !p.passed(it.method) {
				break
			}
			p.set(it.at)
		} else if wait := p.due(it.at); wait > 0 {
			return wait, nil
		}
		p.next++
		if err := p.do(it); err != nil {
			return 0, err
		}
	}
	return time.Hour, nil
}

// passed reports whether the miner has come through a gate, or through a later
// one.
func (p *player) passed(method string) bool {
	for _, it := range p.items[p.next:] {
		if _, came := p.came[it.method]; it.what == gate && came {
			return true
		}
	}
	return false
}

func (p *player) do(it *item) error {
	switch it.what {
	case hangUp:
		return errPlayed
	case push:
		if _, method := address(it.line); !p.understands(method) {
			return nil
		}
		return p.send(it.line, "")
	case answer:
		id, came := p.came[it.method]
		if !came {
			p.late[it.method] = it.line
			return nil
		}
		return p.send(withID(it.line, id), it.method)
	}
	return nil
}

// understands reports whether the miner takes a method that pools send to those
// alone who asked for it: some of the others take it for a refusal.
func (p *player) understands(method string) bool {
	switch method {
	case "mining.set_extranonce":
		return p.extranonces
	case "mining.set_version_mask":
		_, configures := p.came["mining.configure"]
		return configures
	}
	return true
}

// hurry does at once what stands before a gate: the miner was quicker than the
// one that was recorded.
func (p *player) hurry(method string) error {
	for i := p.next; i < len(p.items); i++ {
		if it := &p.items[i]; it.what != gate || it.method != method {
			continue
		}
		for ; p.next < i; p.next++ {
			if err := p.do(&p.items[p.next]); err != nil {
				return err
			}
		}
		return nil
	}
	return nil
}

// send writes a line to the miner; method is that of the request that it
// answers.
func (p *player) send(line []byte, method string) error {
	p.told.hear(line, method)
	_ = p.nc.SetWriteDeadline(time.Now().Add(writeTime)) // an error shows in Write
	_, err := p.nc.Write(append(line[:len(line):len(line)], '\n'))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errSlow
	case errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.ErrClosedPipe):
		return errLeft
	}
	return err
}

// say writes a message of the replay's own.
func (p *player) say(m v1.Message) error {
	line, err := v1.Append(nil, m)
	if err != nil {
		return err
	}
	return p.send(line, "")
}

// receive acts on what the miner says.
func (p *player) receive(r received) error {
	var field *v1.FieldError
	switch {
	case errors.As(r.err, &field) && (field.ID.Notification() || field.Method == "answer"):
		return nil
	case errors.As(r.err, &field):
		return p.say(v1.Refuse(field.ID, v1.CodeOther, field.Error()))
	case r.err == io.EOF, r.err == io.ErrUnexpectedEOF, errors.Is(r.err, syscall.ECONNRESET):
		return errLeft
	case r.err != nil:
		return r.err
	}
	line, err := v1.Append(nil, r.m)
	if err != nil {
		return err
	}
	id, method := address(line)
	switch m := r.m.(type) {
	case *v1.Submit:
		return p.submit(m)
	case *v1.Configure:
		p.extranonces = p.extranonces || m.SubscribeExtranonce
	case *v1.ExtranonceSubscribe:
		p.extranonces = true
	case *v1.Authorize:
		if len(p.workers) < mostWorkers {
			p.workers[m.Worker] = true
		}
	}
	if id == "" || method == "" {
		return nil
	}
	return p.ask(id, method)
}

// ask answers a request as the pool did in the recording.
func (p *player) ask(id, method string) error {
	if _, came := p.came[method]; isGate(method) && !came {
		return p.enter(id, method)
	}
	list := p.answers[method]
	if len(list) == 0 {
		return p.unrecorded(id, method)
	}
	n := p.given[method]
	if n < len(list)-1 {
		p.given[method]++
	}
	if list[n] == nil {
		return nil // silence, as recorded
	}
	return p.send(withID(list[n], id), method)
}

// enter takes the miner through a gate.
func (p *player) enter(id, method string) error {
	if err := p.hurry(method); err != nil {
		return err
	}
	p.came[method] = id
	if line, ok := p.late[method]; ok {
		delete(p.late, method)
		return p.send(withID(line, id), method)
	}
	for _, it := range p.items {
		if it.what == gate && it.method == method {
			return nil // what the recording has behind it comes in its turn
		}
	}
	return p.unrecorded(id, method)
}

// unrecorded answers what the recorded miner did not ask.
func (p *player) unrecorded(id, method string) error {
	line := []byte(`{"id":null,"result":null,"error":[-3,"Method not found",null]}`)
	switch method {
	case "mining.authorize":
		line = []byte(`{"id":null,"result":true,"error":null}`)
	case "mining.ping":
		line = []byte(`{"id":null,"result":"pong","error":null}`)
	}
	if _, came := p.came[method]; came && isGate(method) {
		// Asked again: it is answered as the first time.
		for _, it := range p.items {
			if it.what == answer && it.method == method {
				line = it.line
			}
		}
	}
	return p.send(withID(line, id), method)
}

// complaint returns the level at which a share that was rejected is logged: a
// flood of them only for those who look at everything.
func (p *player) complaint() slog.Level {
	if now := time.Now(); now.Sub(p.warned) > time.Minute {
		p.warned, p.warnings = now, 0
	}
	if p.warnings++; p.warnings > mostWarnings {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// submit judges a share.
func (p *player) submit(m *v1.Submit) error {
	v := refuse(v1.CodeUnauthorized, "the worker is not authorized")
	if p.workers[m.Worker] {
		v = p.told.judge(m)
	}
	p.tally.count(&v)
	attrs := []any{"event", "share", "worker", v1.CleanText(m.Worker, 128), "job", v1.CleanText(m.JobID, 128)}
	if v.hashed {
		attrs = append(attrs, "difficulty", v.wants, "share_difficulty", v.hash.Difficulty(), "hash", v.hash.String())
	}
	if v.code != 0 {
		p.log.Log(context.Background(), p.complaint(), "share rejected", append(attrs, "result", "rejected", "code", v.code, "reason", v.reason)...)
	} else {
		p.log.Info("share accepted", append(attrs, "result", "accepted")...)
	}
	switch {
	case m.ID.Notification():
		return nil
	case v.code != 0:
		return p.say(v1.Refuse(m.ID, v.code, v.reason))
	}
	return p.say(v1.Accept(m.ID))
}
