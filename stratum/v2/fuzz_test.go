package v2

import (
	"bytes"
	"reflect"
	"testing"
	"testing/iotest"
)

// FuzzParse: nothing that a frame may hold makes Parse panic; what it takes is
// written and read again as the same.
func FuzzParse(f *testing.F) {
	for _, m := range append(samples(), empties()...) {
		f.Add(mustAppend(f, m))
	}
	for _, v := range vectors().Messages {
		f.Add([]byte(v.Frame))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := Parse(frame)
		if err != nil {
			if m != nil {
				t.Errorf("%v with %v", m, err)
			}
			return
		}
		checkAgain(t, m)
		if u, ok := m.(*Unknown); ok && !bytes.Equal(mustAppend(t, u), frame) {
			t.Errorf("%x becomes %x", frame, mustAppend(t, u))
		}
		switch m := m.(type) {
		case *SubmitSharesExtended:
			if name, ok, err := m.UserIdentity(); err == nil && ok && len(name) > MaxUserIdentity {
				t.Errorf("a name of %d bytes", len(name))
			}
		case *NewExtendedMiningJob:
			before := len(m.CoinbaseTxPrefix) + len(m.CoinbaseTxSuffix)
			if err := m.StripWitness(); err != nil && len(m.CoinbaseTxPrefix)+len(m.CoinbaseTxSuffix) != before {
				t.Error("a job was changed by what failed")
			}
		}
	})
}

// FuzzMessage: the same for the payload of each known message.
func FuzzMessage(f *testing.F) {
	for _, m := range samples() {
		frame := mustAppend(f, m)
		f.Add(uint32(m.Type()), frame[headerSize:])
	}
	f.Fuzz(func(t *testing.T, typ uint32, payload []byte) {
		if _, ok := kinds[Type(typ)]; !ok || len(payload) > MaxPayload {
			return
		}
		if m, err := Parse(frameOf(Type(typ).Extension(), Type(typ).MsgType(), payload)); err == nil {
			if m.Type() != Type(typ) {
				t.Errorf("%v came as %v", Type(typ), m.Type())
			}
			checkAgain(t, m)
		}
	})
}

// checkAgain writes m and reads it.
func checkAgain(t *testing.T, m Message) {
	t.Helper()
	frame := mustAppend(t, m)
	again, err := Parse(frame)
	if err != nil || !reflect.DeepEqual(again, m) {
		t.Errorf("%+v, written and read, is %+v, %v", m, again, err)
		return
	}
	if second := mustAppend(t, again); !bytes.Equal(second, frame) {
		t.Errorf("%x, then %x", frame, second)
	}
}

// FuzzConn: a stream of anything ends, holds no more memory than came, and is
// read alike however the bytes come.
func FuzzConn(f *testing.F) {
	var wire bytes.Buffer
	if err := NewConn(&wire, 0).Write(samples()...); err != nil {
		f.Fatal(err)
	}
	f.Add(wire.Bytes())
	f.Add(append(mustAppend(f, &SetTarget{}), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2))
	f.Add([]byte("{\"id\":1}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		whole := NewConn(duplex{bytes.NewReader(b), nil}, 0)
		slow := NewConn(duplex{iotest.OneByteReader(bytes.NewReader(b)), nil}, 0)
		for {
			m, err := whole.Read()
			n, err2 := slow.Read()
			if !reflect.DeepEqual(m, n) || !reflect.DeepEqual(err, err2) {
				t.Fatalf("%v, %v; byte by byte %v, %v", m, err, n, err2)
			}
			if cap(whole.buf) > 2*len(b)+bufferSize {
				t.Fatalf("%d bytes are held for %d", cap(whole.buf), len(b))
			}
			if _, field := err.(*FieldError); err != nil && !field {
				return
			}
		}
	})
}
