package record

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"gominer/internal/journal"
	"gominer/stratum/v1"
)

// Config says where a recording goes.
type Config struct {
	Path string // is appended to if it is a recording already
	By   string // "name/version" of the program

	// Max is the size in bytes at which the file is renamed to Path.1, over an
	// older one, and a new one begun; 0 is no bound.
	Max int64

	HideUsers bool // user1, user2 … stand for the names of users

	Log *slog.Logger // nil discards
}

// Writer writes a recording. Its methods may be called from any goroutine; on a
// nil Writer they do nothing. They never wait for the disk, and whatever happens
// to the file, the connections that are recorded go on.
type Writer struct {
	cfg  Config
	file *journal.File
	part int // owned by the file's goroutine from Create on

	mu    sync.Mutex // guards the rest, and keeps entries in the order of their times
	conns uint64
	mask  masker
}

// Create makes the file of a recording, or goes on with it.
func Create(cfg Config) (*Writer, error) {
	w := &Writer{cfg: cfg, part: 1, mask: masker{hideUsers: cfg.HideUsers}}
	torn := false
	file, err := journal.Open(journal.Config{
		Path: cfg.Path, What: "the recording", Max: cfg.Max, Log: cfg.Log,
		Resume: func(old *journal.Old) error {
			torn = len(old.Torn) > 0
			return checkFirst(old.First)
		},
		Begin: func() []byte { w.part++; return w.begin() },
		Gap:   func(n uint64) []byte { e := Entry{Time: time.Now(), Kind: Lost, Lines: n}; return e.append(nil) },
	})
	if err != nil {
		return nil, err
	}
	w.file = file
	if torn {
		w.put(&Entry{Kind: Lost, Lines: 1})
	}
	file.Write(w.begin())
	return w, nil
}

// checkFirst refuses to go on with a file that is something else.
func checkFirst(line []byte) error {
	e, err := Parse(line)
	if err != nil || e.Kind != Start {
		return errors.New("there is a file of that name which is no recording: choose another name, or delete it")
	}
	return nil
}

func (w *Writer) begin() []byte {
	e := Entry{Time: time.Now(), Kind: Start, By: w.cfg.By, Part: w.part}
	return e.append(nil)
}

// put writes e with the time of now. The caller holds mu, or the Writer is its
// alone.
func (w *Writer) put(e *Entry) {
	e.Time = time.Now()
	w.file.Write(e.append(nil))
}

// Close writes what waits for the disk and closes the file. The error says how
// much of what happened is not in it.
func (w *Writer) Close() error {
	if w == nil {
		return nil
	}
	return w.file.Close()
}

// Open begins the recording of a connection. Close ends it.
func (w *Writer) Open(o Opening) *Tap {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns++
	t := &Tap{w: w, id: w.conns}
	o.URL = string(credentials.ReplaceAll([]byte(o.URL), []byte("${1}")))
	if w.mask.hideUsers && o.User != "" {
		o.User = string(w.mask.user(o.User))
	}
	w.put(&Entry{Kind: Open, Conn: t.id, Opening: o})
	return t
}

// Tap records one connection. Its methods may be called from any goroutine; on a
// nil Tap they do nothing.
type Tap struct {
	w  *Writer
	id uint64

	// Guarded by w.mu.
	miner, pool stream
	ended       Side // who was seen to close it
	closed      bool
}

// stream is what one side says: lines or frames.
type stream struct {
	lines  splitter
	frames framer
}

// bytesOfLines records a part of what a side says in lines.
func (t *Tap) bytesOfLines(from Side, b []byte) {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	if !t.closed {
		t.of(from).lines.add(b, func(line []byte, cut bool) { t.line(from, line, cut) })
	}
}

// bytesOfFrames records a part of what a side says in frames.
func (t *Tap) bytesOfFrames(from Side, b []byte) {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	if !t.closed {
		t.of(from).frames.add(b, func(frame []byte, cut bool) { t.frame(from, frame, cut) })
	}
}

func (t *Tap) of(side Side) *stream {
	if side == Miner {
		return &t.miner
	}
	return &t.pool
}

// line writes a line. The caller holds w.mu.
func (t *Tap) line(from Side, line []byte, cut bool) {
	t.w.put(&Entry{Kind: Line, Conn: t.id, From: from, Data: t.w.mask.line(line, from), Cut: cut})
}

// frame writes a frame. The caller holds w.mu.
func (t *Tap) frame(from Side, frame []byte, cut bool) {
	t.w.put(&Entry{Kind: Frame, Conn: t.id, From: from, Type: typeOf(frame), Data: t.w.mask.frame(frame), Cut: cut})
}

// hungUp notes that a side was seen to close the connection.
func (t *Tap) hungUp(side Side) {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	if t.ended == "" {
		t.ended = side
	}
}

// Close ends the recording of the connection and says why it is over; err may be
// nil. Later calls do nothing.
func (t *Tap) Close(err error) {
	if t == nil {
		return
	}
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	if t.closed {
		return
	}
	for _, side := range []Side{Miner, Pool} {
		t.of(side).lines.end(func(line []byte) { t.line(side, line, true) })
		t.of(side).frames.end(func(frame []byte) { t.frame(side, frame, true) })
	}
	t.closed = true
	e := &Entry{Kind: Close, Conn: t.id, From: t.ended}
	if err != nil {
		e.Reason = v1.CleanText(string(t.w.mask.repeated(fmt.Append(nil, err))), mostReason)
	}
	t.w.put(e)
}

const mostReason = 1 << 10 // bytes
