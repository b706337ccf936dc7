// Package audit keeps a log that shows whether somebody meddled with it. Each
// line is a JSON object that begins with its number, from 1, and the SHA-256 of
// the line before, without its end and in hex; zeros stand in the first:
//
//	{"seq":7,"prev":"9f86…","time":"2026-01-02T03:04:05.000000006Z","event":"share",…}
//
// So a line that is changed, taken out, put in or moved does not fit its
// neighbours, and Verify says which it is. What the chain alone can't show is a
// log that was cut at its end, or written anew from some line on: for that, keep
// the hash of the last line, which Close returns, somewhere else. There is no key
// and no signature. What the events mean is the caller's.
package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"gominer/internal/journal"
	"gominer/internal/jsonline"
)

// Config says where a log is kept.
type Config struct {
	Path string // is gone on with if it is an audit log already
	By   string // "name/version" of the program
	Log  *slog.Logger
}

// Hash is the SHA-256 of a line without its end.
type Hash [sha256.Size]byte

// String returns the hash in hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash reads a hash: 64 hex digits.
func ParseHash(s string) (h Hash, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(h) {
		return h, fmt.Errorf("want %d hex digits", 2*len(h))
	}
	return Hash(b), nil
}

// Head is the end of a log: what has to be kept elsewhere to see that it was cut
// or written anew.
type Head struct {
	Lines uint64
	Hash  Hash // of the last line
}

// Log is a log that is written to. Its methods may be called from any goroutine
// and never wait for the disk.
type Log struct {
	file *journal.File
	head Head // the last line written; owned by file's goroutine until that is closed
	old  *journal.Old

	mu      sync.Mutex // guards the rest
	buckets map[string]*bucket
}

const (
	format  = "gominer audit"
	version = 1

	syncEvery = 10 * time.Second // what a crash of the machine may cost

	mostLine = 64 << 10 // bytes of an event; of a longer one only the name is kept
)

// How many events of one name are written: whoever can make one happen at will
// can't fill the disk with it. Those left out are counted.
const (
	perSecond = 10
	burst     = 600

	mostNames = 64 // that are told apart
)

// Open opens the log, or makes it. One that is there is gone on with if its last
// lines fit each other; what a crash left of a line is cut off, and the log says
// so.
func Open(cfg Config) (*Log, error) {
	l := &Log{buckets: make(map[string]*bucket)}
	file, err := journal.Open(journal.Config{
		Path: cfg.Path, What: "the audit log", Sync: syncEvery, Log: cfg.Log,
		Resume:  l.resume,
		Frame:   l.frame,
		Written: func(line []byte) { l.head = Head{l.head.Lines + 1, sha256.Sum256(line)} },
		Gap: func(n uint64) []byte {
			return event(time.Now(), "lost", []slog.Attr{slog.Uint64("lines", n)})
		},
	})
	if err != nil {
		return nil, err
	}
	l.file = file
	if old := l.old; old != nil && len(old.Torn) > 0 {
		l.write(time.Now(), "torn", slog.Int("bytes", len(old.Torn)), slog.String("sha256", Hash(sha256.Sum256(old.Torn)).String()))
	}
	l.write(time.Now(), "start", slog.String("format", format), slog.Int("version", version), slog.String("by", cfg.By))
	return l, nil
}

// resume takes up the chain of an old log.
func (l *Log) resume(old *journal.Old) error {
	l.old = old
	if first := parse(old.First); !first.ok || len(old.Last) == 0 {
		return errors.New("there is a file of that name which is no audit log: choose another name, or delete it")
	}
	last := parse(old.Last[len(old.Last)-1])
	fits := last.ok && last.seq == 1 && last.prev == Hash{}
	if len(old.Last) > 1 {
		before := parse(old.Last[0])
		fits = last.ok && before.ok && last.prev == before.hash && last.seq == before.seq+1
	}
	if !fits {
		return errors.New("its last lines do not fit each other, and it is not gone on with: gominer decode --verify FILE says more")
	}
	l.head = Head{last.seq, last.hash}
	return nil
}

// frame puts number and hash before an event.
func (l *Log) frame(b, event []byte) []byte {
	b = fmt.Appendf(b, `{"seq":%d,"prev":"%v",`, l.head.Lines+1, l.head.Hash)
	return append(b, event[len("{"):]...)
}

// Event writes that something happened. Of events that come too fast only the
// number is kept.
func (l *Log) Event(at time.Time, name string, fields ...slog.Attr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := name
	if _, known := l.buckets[key]; !known && len(l.buckets) >= mostNames {
		key = "others"
	}
	b := l.buckets[key]
	if b == nil {
		b = &bucket{tokens: burst, at: at}
		l.buckets[key] = b
	}
	if !b.take(at) {
		b.skipped++
		return
	}
	l.tellSkipped(at, key, b)
	l.write(at, name, fields...)
}

// tellSkipped writes how many events were left out. The caller holds mu.
func (l *Log) tellSkipped(at time.Time, name string, b *bucket) {
	if b.skipped > 0 {
		l.write(at, "skipped", slog.String("of", name), slog.Uint64("events", b.skipped))
		b.skipped = 0
	}
}

func (l *Log) write(at time.Time, name string, fields ...slog.Attr) {
	line := event(at, name, fields)
	if len(line) > mostLine {
		line = event(at, name, []slog.Attr{slog.Int("bytes_left_out", len(line))})
	}
	l.file.Write(line)
}

// event returns an event as a JSON object.
func event(at time.Time, name string, fields []slog.Attr) []byte {
	b := jsonline.AppendAttr([]byte{'{'}, slog.Time("time", at))
	b = jsonline.AppendAttr(append(b, ','), slog.String("event", name))
	for _, a := range fields {
		b = jsonline.AppendAttr(append(b, ','), a)
	}
	return append(b, '}')
}

// Close writes an event "end" with the given fields and closes the log. The head
// is good whatever the error is, which says what the log lacks.
func (l *Log) Close(fields ...slog.Attr) (Head, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for name, b := range l.buckets {
		l.tellSkipped(now, name, b)
	}
	l.write(now, "end", fields...)
	if err := l.file.Close(); err != nil {
		if errors.Is(err, journal.ErrHangs) { // its goroutine may be writing still
			return Head{}, err
		}
		return l.head, err
	}
	return l.head, nil
}

// bucket lets events through: burst at once, then perSecond.
type bucket struct {
	tokens  float64
	at      time.Time
	skipped uint64
}

func (b *bucket) take(now time.Time) bool {
	if d := now.Sub(b.at).Seconds(); d > 0 {
		b.tokens = min(burst, b.tokens+d*perSecond)
		b.at = now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
