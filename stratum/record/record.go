// Package record writes down what a miner and a pool say to each other, and reads
// it again. It sees lines and frames and knows nothing of what they ask for; that
// passwords are among them is all that it knows of the protocol.
//
// A recording is a file of JSON objects, one a line, each with "time" (RFC 3339
// with nanoseconds, UTC) and "event":
//
//	start  a program began to write: "format", "version", "by", and "part", which
//	       counts the files of one run
//	open   a connection: "conn", its number within the run, "source", "url" without
//	       credentials, "remote", "protocol", "encryption", "peer", "user"
//	line   of Stratum V1: "conn", "from" ("miner" or "pool"), "line" without its
//	       end, or "hex" if it is no UTF-8; "cut" if its end is missing
//	frame  of Stratum V2, header and payload: "conn", "from", "type", "hex", "cut"
//	close  of a connection: "conn", "from" (who closed it), "reason"
//	lost   here "lines" could not be written
//
// Passwords are written as ***. The reader takes the form that people write by
// hand, too: "1.234 > {…}", seconds, the miner's > or the pool's <, the line.
package record

import (
	"encoding/hex"
	"time"
	"unicode/utf8"

	"gominer/internal/jsonline"
)

// Kind says what an entry is.
type Kind string

// The kinds of entries.
const (
	Start Kind = "start"
	Open  Kind = "open"
	Line  Kind = "line"
	Frame Kind = "frame"
	Close Kind = "close"
	Lost  Kind = "lost"
)

// Side is one of the two who talk; the empty one is not known.
type Side string

// The sides.
const (
	Miner Side = "miner"
	Pool  Side = "pool"
)

// Other returns the side that s talks to.
func (s Side) Other() Side {
	switch s {
	case Miner:
		return Pool
	case Pool:
		return Miner
	}
	return ""
}

// Opening is what is known of a connection when it begins. No field holds a
// secret.
type Opening struct {
	Source     string // the pool to people
	URL        string
	Remote     string // address of the other side, IP and port
	Protocol   string // "stratum v1"
	Encryption string // version and cipher; empty for none
	Peer       string // how the other side was identified: its name, its key
	User       string // whom shares are submitted as
}

// Entry is one event of a recording.
type Entry struct {
	Time time.Time // of the hand-written form: seconds from 1970 on; zero if there is none
	Kind Kind
	Conn uint64 // of a connection's entries; 0 in the hand-written form

	By   string // Start: the program and its version
	Part int    // Start: 1 for the first file of a run

	Opening Opening // Open

	From   Side   // Line, Frame: who sent it; Close: who closed
	Data   []byte // Line: without its end; Frame: header and payload
	Type   uint32 // Frame: the message type, with its extension in the upper bits
	Cut    bool   // Line, Frame: the end is missing
	Reason string // Close
	Lines  uint64 // Lost: how many
}

const (
	format  = "gominer recording"
	version = 1
)

// wire is an entry as it stands in the file.
type wire struct {
	Time  time.Time `json:"time"`
	Event Kind      `json:"event"`

	Format  string `json:"format,omitempty"`
	Version int    `json:"version,omitempty"`
	By      string `json:"by,omitempty"`
	Part    int    `json:"part,omitempty"`

	Conn       uint64 `json:"conn,omitempty"`
	Source     string `json:"source,omitempty"`
	URL        string `json:"url,omitempty"`
	Remote     string `json:"remote,omitempty"`
	Protocol   string `json:"protocol,omitempty"`
	Encryption string `json:"encryption,omitempty"`
	Peer       string `json:"peer,omitempty"`
	User       string `json:"user,omitempty"`

	From   Side    `json:"from,omitempty"`
	Type   *uint32 `json:"type,omitempty"`
	Line   *string `json:"line,omitempty"`
	Hex    string  `json:"hex,omitempty"`
	Cut    bool    `json:"cut,omitempty"`
	Reason string  `json:"reason,omitempty"`
	Lines  uint64  `json:"lines,omitempty"`
}

// append adds the entry to b as a line of the file, without its end.
func (e *Entry) append(b []byte) []byte {
	o := &e.Opening
	w := wire{
		Time: e.Time.UTC(), Event: e.Kind, By: e.By, Part: e.Part, Conn: e.Conn,
		Source: o.Source, URL: o.URL, Remote: o.Remote, Protocol: o.Protocol, Encryption: o.Encryption, Peer: o.Peer, User: o.User,
		From: e.From, Cut: e.Cut, Reason: e.Reason, Lines: e.Lines,
	}
	switch text := string(e.Data); {
	case e.Kind == Start:
		w.Format, w.Version = format, version
	case e.Kind == Frame:
		w.Type, w.Hex = &e.Type, hex.EncodeToString(e.Data)
	case e.Kind == Line && utf8.ValidString(text):
		w.Line = &text
	case e.Kind == Line:
		w.Hex = hex.EncodeToString(e.Data)
	}
	b, err := jsonline.Append(b, &w)
	if err != nil { // not reached: a time beyond the year 9999 is all that can't be written
		panic(err)
	}
	return b
}
