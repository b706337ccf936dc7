package main

import (
	"fmt"
	"time"

	"gominer/internal/units"
	"gominer/stratum/record"
	"gominer/stratum/v1"
)

// recording is what the entries so far said, as far as later ones need it.
type recording struct {
	began time.Time // of the first entry
	conns map[uint64]dialogue
}

// entry explains an entry of a recording with what was said over the same
// connection before.
func (d *decoder) entry(r *record.Entry) (*explanation, error) {
	if r.Kind == record.Start || d.conns == nil || len(d.conns) >= mostRemembered {
		d.conns = make(map[uint64]dialogue)
	}
	d.dialogue = d.conns[r.Conn]
	d.from = r.From
	e, err := d.explainEntry(r)
	if err != nil {
		return nil, err
	}
	d.from = ""
	d.conns[r.Conn] = d.dialogue
	if r.Kind == record.Close {
		delete(d.conns, r.Conn)
	}
	d.head(e, r)
	return e, nil
}

// head says when and from whom an entry is.
func (d *decoder) head(e *explanation, r *record.Entry) {
	e.Conn, e.From = r.Conn, string(r.From)
	if !r.Time.IsZero() {
		if d.began.IsZero() {
			d.began = r.Time
		}
		after := r.Time.Sub(d.began).Seconds()
		e.heading = fmt.Sprintf("%.3f s", after)
		e.Time = r.Time.Format(time.RFC3339Nano)
		if r.Time.Year() <= 1970 { // written by hand
			e.heading = fmt.Sprintf("%.3f s", float64(r.Time.UnixMicro())/1e6)
			e.Time = e.heading
		}
	}
	if r.Conn > 1 {
		e.heading += fmt.Sprintf("  connection %d", r.Conn)
	}
	if r.Kind == record.Line || r.Kind == record.Frame {
		e.heading += fmt.Sprintf("  %s → %s", r.From, r.From.Other())
	}
}

func (d *decoder) explainEntry(r *record.Entry) (*explanation, error) {
	e := &explanation{Kind: string(r.Kind), Fields: []decodedField{}}
	switch r.Kind {
	case record.Start:
		e.About = "A program began to record: " + r.By + "."
		if r.Part > 1 {
			e.About = fmt.Sprintf("The recording of %s goes on in its file number %d.", r.By, r.Part)
		}
	case record.Open:
		e.About = fmt.Sprintf("Connection %d begins.", r.Conn)
		o := &r.Opening
		for _, f := range [][2]string{
			{"source", o.Source}, {"url", o.URL}, {"remote", o.Remote}, {"protocol", o.Protocol},
			{"encryption", o.Encryption}, {"peer", o.Peer}, {"user", o.User},
		} {
			if f[1] != "" {
				e.add(f[0], "", f[1])
			}
		}
	case record.Close:
		switch _, open := d.conns[r.Conn]; {
		case r.From != "":
			e.About = fmt.Sprintf("The connection is over: the %s closed it.", r.From)
		case open:
			e.About = "The connection is over."
		default: // the form that is written by hand has such a last line
			e.About = "The recording is over."
		}
		if r.Reason != "" {
			e.add("reason", "", r.Reason)
		}
	case record.Lost:
		e.About = fmt.Sprintf("Here %s of the recording could not be written.", units.Plural(r.Lines, "line"))
	case record.Frame:
		if r.Cut {
			e.About = fmt.Sprintf("A frame of Stratum V2 without its end: %s of it came.", units.Plural(uint64(len(r.Data)), "byte"))
			return e, nil
		}
		return e, d.explainFrame(e, r.Data)
	case record.Line:
		return d.recordedLine(e, r)
	}
	return e, nil
}

func (d *decoder) recordedLine(e *explanation, r *record.Entry) (*explanation, error) {
	switch {
	case string(r.Data) == record.Masked:
		e.About = "A line that was not recorded: it may have held a password, and could not be taken apart."
		return e, nil
	case r.Cut:
		e.About = fmt.Sprintf("A line without its end: %s of it came.", units.Plural(uint64(len(r.Data)), "byte"))
		e.addf("begins", "", "%q", v1.CleanText(string(r.Data[:min(len(r.Data), 100)]), 100))
		return e, nil
	}
	return d.line(string(r.Data))
}
