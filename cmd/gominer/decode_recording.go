package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"time"

	"gominer/internal/units"
	"gominer/stratum/record"
	"gominer/stratum/v1"
	"gominer/stratum/v2"
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
		return e, explainFrame(e, r)
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

const frameHeader = 2 + 1 + 3 // bytes: extension, type, length

// explainFrame says field by field what a message of Stratum V2 holds.
func explainFrame(e *explanation, r *record.Entry) error {
	m, err := v2.Parse(r.Data)
	if err != nil {
		return fmt.Errorf("frame of Stratum V2: %w", err)
	}
	v := reflect.ValueOf(m)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return errors.New("frame of Stratum V2: a message without fields")
	}
	v = v.Elem()
	e.Kind = v.Type().Name()
	e.About = fmt.Sprintf("%s of Stratum V2, type %v, %s of payload.", e.Kind, m.Type(), units.Plural(uint64(len(r.Data)-frameHeader), "byte"))
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() {
			e.add(f.Name, "", frameValue(v.Field(i)))
		}
	}
	return nil
}

// frameValue writes a field of a frame: bytes as hex, text so that no terminal
// obeys it.
func frameValue(v reflect.Value) string {
	if s, ok := v.Interface().(fmt.Stringer); ok {
		return s.String()
	}
	switch v.Kind() {
	case reflect.Slice:
		if b, ok := v.Interface().([]byte); ok {
			return fmt.Sprintf("%s, %s", hex.EncodeToString(b), units.Plural(uint64(len(b)), "byte"))
		}
		text := units.Plural(uint64(v.Len()), "element")
		for i := range v.Len() {
			text += "\n" + frameValue(v.Index(i))
		}
		return text
	case reflect.String:
		return fmt.Sprintf("%q", v1.CleanText(v.String(), 500))
	case reflect.Pointer:
		if v.IsNil() {
			return "not given"
		}
		return frameValue(v.Elem())
	}
	return fmt.Sprint(v.Interface())
}
