package record

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gominer/stratum/v1"
)

// mostText is the longest line of a recording that is read, in bytes: a line of
// the dialogue of which JSON escapes every byte.
const mostText = 8 << 20

// LineError is a line of a recording that can't be read. The lines behind it can.
type LineError struct {
	Line int  // counted from 1
	Torn bool // it is the last, and was not written whole
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// Reader reads a recording entry by entry.
type Reader struct {
	r    *bufio.Reader
	line int
}

// NewReader returns a Reader of r.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, 64<<10)} }

// Line returns the number of the line that the latest entry stands on, from 1.
func (r *Reader) Line() int { return r.line }

// Next returns the next entry, or io.EOF. After a *LineError the next call goes
// on with the next line. Empty lines and comments, which begin with #, are
// skipped.
func (r *Reader) Next() (Entry, error) {
	for {
		line, whole, err := r.read()
		if err != nil {
			return Entry{}, err
		}
		text := strings.TrimSpace(string(line))
		if text == "" || text[0] == '#' {
			continue
		}
		e, err := Parse([]byte(text))
		if err != nil {
			return Entry{}, &LineError{Line: r.line, Torn: !whole, Err: err}
		}
		return e, nil
	}
}

// read returns the next line; whole is false if the file ends inside it.
func (r *Reader) read() (line []byte, whole bool, err error) {
	for {
		part, err := r.r.ReadSlice('\n')
		if len(line)+len(part) > mostText {
			return nil, false, r.skip(err)
		}
		line = append(line, part...)
		switch {
		case err == nil:
			r.line++
			return line, true, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case err == io.EOF && len(line) > 0:
			r.line++
			return line, false, nil
		default:
			return nil, false, err
		}
	}
}

// skip goes past a line that is too long, of which err says what came last.
func (r *Reader) skip(err error) error {
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.r.ReadSlice('\n')
	}
	if err != nil && err != io.EOF {
		return err
	}
	r.line++
	return &LineError{Line: r.line, Err: fmt.Errorf("longer than %d bytes", mostText)}
}

// byHand is a line as people write it: "1.234 -> {…}", "> {…}", "13.6 !! why".
var byHand = regexp.MustCompile(`^(?:(\d{1,9}(?:\.\d{1,12})?)\s+)?(->|<-|>|<|!!|==)\s*(.*)$`)

// Parse reads one line of a recording, without its end. A line of Stratum V1 alone
// is a Line of nobody.
func Parse(line []byte) (Entry, error) {
	if bytes.HasPrefix(line, []byte("{")) {
		return parseJSON(line)
	}
	m := byHand.FindSubmatch(line)
	if m == nil {
		return Entry{}, fmt.Errorf("%q is no line of a recording: want a JSON object, or > or < and a line", v1.CleanText(string(line), 40))
	}
	e := Entry{Kind: Line, Data: m[3]}
	if m[1] != nil {
		seconds, _ := strconv.ParseFloat(string(m[1]), 64) // the pattern sees to it
		e.Time = time.Unix(0, int64(seconds*1e9)).UTC()
	}
	switch string(m[2]) {
	case "->", ">":
		e.From = Miner
	case "<-", "<":
		e.From = Pool
	case "!!":
		e.Kind, e.Data, e.Reason = Close, nil, v1.CleanText(string(m[3]), mostReason)
		if strings.Contains(e.Reason, "server") || strings.Contains(e.Reason, "pool") {
			e.From = Pool
		}
	default: // the end of a recording, or a remark
		e.Kind, e.Data, e.Reason = Close, nil, v1.CleanText(string(m[3]), mostReason)
	}
	if e.Kind == Line && len(e.Data) == 0 {
		return Entry{}, errors.New("nothing stands behind the direction")
	}
	return e, nil
}

// parseJSON reads an entry, or a line of Stratum V1 alone.
func parseJSON(line []byte) (Entry, error) {
	var w wire
	err := json.Unmarshal(line, &w)
	switch {
	case err == nil && w.Event != "":
	case !bytes.HasPrefix(line, []byte(`{"time":`)):
		return Entry{Kind: Line, Data: line}, nil
	case err != nil:
		return Entry{}, fmt.Errorf("no entry of a recording: %w", err)
	default:
		return Entry{}, errors.New(`no entry of a recording: "event" is missing`)
	}
	e := Entry{
		Time: w.Time, Kind: w.Event, Conn: w.Conn, By: v1.CleanText(w.By, mostReason), Part: w.Part,
		From: w.From, Cut: w.Cut, Reason: v1.CleanText(w.Reason, mostReason), Lines: w.Lines,
	}
	switch {
	case w.From != "" && w.From != Miner && w.From != Pool:
		return Entry{}, fmt.Errorf(`from %q: want "miner" or "pool"`, v1.CleanText(string(w.From), 40))
	case w.Event == Start && w.Format != format:
		return Entry{}, fmt.Errorf("the format is %q, want %q", v1.CleanText(w.Format, 40), format)
	case w.Event == Start && w.Version != version:
		return Entry{}, fmt.Errorf("version %d of the format: this program knows %d", w.Version, version)
	}
	switch w.Event {
	case Start, Close, Lost:
		return e, nil
	case Open:
		o := &e.Opening
		for _, f := range []struct {
			to   *string
			from string
		}{
			{&o.Source, w.Source}, {&o.URL, w.URL}, {&o.Remote, w.Remote}, {&o.Protocol, w.Protocol},
			{&o.Encryption, w.Encryption}, {&o.Peer, w.Peer}, {&o.User, w.User},
		} {
			*f.to = v1.CleanText(f.from, mostReason)
		}
		return e, nil
	case Line, Frame:
		return e, w.data(&e)
	}
	return Entry{}, fmt.Errorf("event %q is not known", v1.CleanText(string(w.Event), 40))
}

// data reads what was said.
func (w *wire) data(e *Entry) error {
	if e.From == "" {
		return errors.New(`it does not say who said it: "from" is missing`)
	}
	if e.Kind == Frame {
		if w.Type == nil || w.Hex == "" {
			return errors.New(`a frame without "type" or "hex"`)
		}
		e.Type = *w.Type
	}
	if e.Kind == Line && w.Line != nil {
		e.Data = []byte(*w.Line)
		return nil
	}
	if w.Hex == "" {
		return errors.New(`a line without "line" or "hex"`)
	}
	var err error
	if e.Data, err = hex.DecodeString(w.Hex); err != nil {
		return fmt.Errorf("hex: %w", err)
	}
	return nil
}

// mostBytes bounds what Sessions keeps in memory, in bytes of the dialogue.
const mostBytes = 256 << 20

// Session is one connection of a recording.
type Session struct {
	Opening Opening // zero if the recording has only a later part of it
	Entries []Entry // lines and frames in order; a Close is the last if there is one
}

// Sessions reads a whole recording, connection by connection in the order in
// which they began. A last line that was not written whole is left out.
func Sessions(r *Reader) ([]Session, error) {
	type key struct {
		run  int
		conn uint64
	}
	run, size := 0, 0
	at := make(map[key]int)
	var all []Session
	for {
		e, err := r.Next()
		var torn *LineError
		switch {
		case err == io.EOF, errors.As(err, &torn) && torn.Torn:
			return all, nil
		case err != nil:
			return nil, err
		}
		switch {
		case e.Kind == Start && e.Part <= 1:
			run++
			continue
		case e.Kind == Start, e.Kind == Lost:
			continue
		case e.Kind == Line && e.From == "":
			return nil, &LineError{Line: r.Line(), Err: errors.New("it does not say who said it: put > before what the miner said and < before what the pool said")}
		}
		if size += len(e.Data) + entryCost; size > mostBytes {
			return nil, fmt.Errorf("line %d: more than %d bytes of dialogue: cut the recording to what is wanted", r.Line(), mostBytes)
		}
		k := key{run, e.Conn}
		i, known := at[k]
		if !known && e.Kind == Close { // the hand-written form says twice that it is over
			continue
		}
		if !known {
			i = len(all)
			at[k] = i
			all = append(all, Session{})
		}
		if e.Kind == Open {
			all[i].Opening = e.Opening
			continue
		}
		all[i].Entries = append(all[i].Entries, e)
		if e.Kind == Close {
			delete(at, k)
		}
	}
}

const entryCost = 256 // bytes that an entry takes beside its data
