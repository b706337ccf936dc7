package audit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
)

// What is the matter with a line.
const (
	Changed   = "changed"
	Cut       = "cut"
	Inserted  = "inserted"
	Reordered = "reordered"
)

// Fault is a place where a log was meddled with.
type Fault struct {
	Line uint64 `json:"line"` // of the file, from 1
	What string `json:"what"` // Changed, Cut, Inserted or Reordered
	Text string `json:"text"` // for people, without the line's number
}

// Report is what Verify found.
type Report struct {
	Head   Head    // of what the file holds
	Faults []Fault // the first mostFaults, in the order of the file
	More   uint64  // faults beyond those
	Torn   bool    // the last line was not written whole; it does not count
	Wanted uint64  // the line whose hash was asked for; 0: none has it
}

const (
	mostFaults = 100
	lookahead  = 4096 // lines that are searched for one that was moved

	// mostText is the longest line that is taken for one of a log, in bytes: an
	// event and what stands before it.
	mostText = mostLine + 128
)

// link is what the chain needs of a line.
type link struct {
	ok   bool // it is a line of an audit log
	seq  uint64
	prev Hash
	hash Hash
}

var beginning = regexp.MustCompile(`^\{"seq":([1-9][0-9]{0,18}),"prev":"([0-9a-f]{64})","time":"`)

// parse reads a line without its end.
func parse(line []byte) link {
	l := link{hash: sha256.Sum256(line)}
	m := beginning.FindSubmatch(line)
	if m == nil || len(line) > mostText || !json.Valid(line) {
		return l
	}
	l.ok = true
	l.seq, _ = strconv.ParseUint(string(m[1]), 10, 64) // the pattern sees to both
	_, _ = hex.Decode(l.prev[:], m[2])
	return l
}

// Verify reads a log and says where it was meddled with. If head is not the zero
// Hash, the Report says which line it is of. The error is that of r.
func Verify(r io.Reader, head Hash) (*Report, error) {
	v := &verifier{in: bufio.NewReaderSize(r, 64<<10), head: head, moved: make(map[Hash]link)}
	for {
		if err := v.fill(1); err != nil {
			return nil, err
		}
		if len(v.window) == 0 {
			return &v.report, nil
		}
		if err := v.step(); err != nil {
			return nil, err
		}
	}
}

// verifier goes along the chain.
type verifier struct {
	in     *bufio.Reader
	ended  bool
	window []link // lines read and not judged yet
	report Report
	head   Hash

	line  uint64 // of the first of window
	last  link   // the line before, as the chain goes
	trust bool   // last was changed: the next line need not fit its hash
	moved map[Hash]link
}

// fill reads until n lines wait, or the file ends.
func (v *verifier) fill(n int) error {
	for len(v.window) < n && !v.ended {
		line, err := v.read()
		if err == io.EOF {
			v.ended = true
			if len(line) > 0 {
				v.report.Torn = true
			}
			return nil
		}
		if err != nil {
			return err
		}
		l := parse(line)
		v.report.Head = Head{v.report.Head.Lines + 1, l.hash}
		if v.head != (Hash{}) && l.hash == v.head {
			v.report.Wanted = v.report.Head.Lines
		}
		v.window = append(v.window, l)
	}
	return nil
}

// read returns the next line without its end, of a giant one only the start; what
// stands behind the last line end comes with io.EOF.
func (v *verifier) read() ([]byte, error) {
	var line []byte
	for {
		part, err := v.in.ReadSlice('\n')
		if room := mostText + 2 - len(line); room > 0 {
			line = append(line, part[:min(room, len(part))]...)
		}
		switch {
		case err == nil:
			return bytes.TrimSuffix(line, []byte("\n")), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return line, err
		}
	}
}

// pop goes past n lines.
func (v *verifier) pop(n int) {
	v.window = v.window[n:]
	v.line += uint64(n)
}

// accept makes the first line the last of the chain.
func (v *verifier) accept() {
	v.last, v.trust = v.window[0], false
	v.pop(1)
}

// fault notes what is the matter with the i-th line that waits.
func (v *verifier) fault(i int, what, format string, args ...any) {
	if len(v.report.Faults) == mostFaults {
		v.report.More++
		return
	}
	v.report.Faults = append(v.report.Faults, Fault{v.line + 1 + uint64(i), what, fmt.Sprintf(format, args...)})
}

// follows reports whether l is the line behind last.
func (v *verifier) follows(l *link) bool {
	return l.ok && l.seq == v.last.seq+1 && (v.trust || l.prev == v.last.hash)
}

// step judges the first line that waits, and those that belong to the same
// fault.
func (v *verifier) step() error {
	l := v.window[0]
	if v.follows(&l) {
		v.accept()
		return nil
	}
	if before, ok := v.moved[l.prev]; ok && l.ok && l.seq == before.seq+1 { // it follows a line that stands elsewhere
		v.accept()
		return nil
	}
	if err := v.fill(lookahead); err != nil {
		return err
	}
	if j := v.successor(); j > 0 {
		v.strangers(j)
		return nil
	}
	v.judge(&l)
	return nil
}

// successor returns where the line stands that follows last, 0 if nowhere.
func (v *verifier) successor() int {
	if v.trust {
		return 0
	}
	for j := 1; j < len(v.window); j++ {
		if v.follows(&v.window[j]) {
			return j
		}
	}
	return 0
}

// strangers judges the n lines before the one that should come: they were put in,
// or belong further down.
func (v *verifier) strangers(n int) {
	for i, l := range v.window[:n] {
		again := false
		for _, other := range v.window[n:] {
			again = again || other.ok && other.seq == l.seq
		}
		if !l.ok || again || l.seq <= v.last.seq {
			v.fault(i, Inserted, "it does not belong between the lines around it")
			continue
		}
		v.fault(i, Reordered, "it is line %d of the log and stands before line %d", l.seq, v.last.seq+1)
		if len(v.moved) < lookahead {
			v.moved[l.hash] = l
		}
	}
	v.pop(n)
}

// judge says what is the matter with the first line, behind which none follows
// last.
func (v *verifier) judge(l *link) {
	var next link
	if len(v.window) > 1 {
		next = v.window[1]
	}
	switch {
	case !l.ok:
		v.fault(0, Changed, "it is no line of an audit log any more")
		v.distrust(v.last.seq + 1)
	case l.prev == v.last.hash && !v.trust:
		v.fault(0, Changed, "its number is %d, and the line before has %d", l.seq, v.last.seq)
		v.distrust(v.last.seq + 1)
	case l.seq == v.last.seq+1 && v.line > 0 && (!next.ok || next.prev == l.hash):
		// It fits what follows it, so it is the line before that does not fit.
		text := "the line behind it has another hash of it"
		if !next.ok {
			text = "it and the line behind it do not fit each other: one of them was changed"
		}
		v.fault(-1, Changed, "%s", text)
		v.accept()
	case l.seq == v.last.seq+1:
		v.fault(0, Changed, "it fits neither the line before nor the one behind")
		v.distrust(l.seq)
	case v.line == 0 && l.seq > 1:
		v.fault(0, Cut, "the log begins with its line %d: what stood before is missing", l.seq)
		v.accept()
	case l.seq > v.last.seq+1:
		v.fault(0, Cut, "it is line %d of the log: %s missing before it", l.seq, span(v.last.seq+1, l.seq-1))
		v.accept()
	case l.seq == 1 && l.prev == Hash{}:
		v.fault(0, Inserted, "another log begins here")
		v.accept()
	default:
		v.fault(0, Inserted, "it has the number %d, and the line before has %d", l.seq, v.last.seq)
		if next.ok && next.prev == l.hash { // the one before may be what was put in
			v.accept()
		} else {
			v.pop(1)
		}
	}
}

// distrust goes past a line that was changed, which had the number seq.
func (v *verifier) distrust(seq uint64) {
	v.last, v.trust = link{ok: true, seq: seq}, true
	v.pop(1)
}

func span(first, last uint64) string {
	if first == last {
		return fmt.Sprintf("line %d is", first)
	}
	return fmt.Sprintf("lines %d to %d are", first, last)
}
