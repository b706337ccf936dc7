package v1

import (
	"io"
	"testing"
)

// looped is a reader that gives the same bytes over and over, and a writer that
// drops everything.
type looped struct {
	data []byte
	at   int
}

func (l *looped) Read(p []byte) (int, error) {
	n := copy(p, l.data[l.at:])
	l.at = (l.at + n) % len(l.data)
	return n, nil
}

func (l *looped) Write(p []byte) (int, error) { return io.Discard.Write(p) }

func BenchmarkReadNotify(b *testing.B) {
	line := append(realNotify(b), '\n')
	c := NewConn(&looped{data: line}, Limits{})
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Read(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadSubmit(b *testing.B) {
	line, err := Append(nil, exampleSubmit())
	if err != nil {
		b.Fatal(err)
	}
	c := NewConn(&looped{data: append(line, '\n')}, Limits{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Read(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteSubmit(b *testing.B) {
	c := NewConn(new(looped), Limits{})
	m := exampleSubmit()
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Write(m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteNotify(b *testing.B) {
	m, err := Parse(realNotify(b), Limits{})
	if err != nil {
		b.Fatal(err)
	}
	c := NewConn(new(looped), Limits{})
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Write(m); err != nil {
			b.Fatal(err)
		}
	}
}

func exampleSubmit() *Submit {
	return &Submit{
		ID: NumberID(1234), Worker: "bc1qexample.rig", JobID: "6b01092e00000002",
		Extranonce2: []byte{0, 0, 0, 0, 0, 0, 0, 7}, NTime: 0x6b010942, Nonce: 0xdeadbeef,
		VersionBits: 0x2000, HasVersionBits: true,
	}
}
