package v2

import (
	"bytes"
	"fmt"
	"testing"

	"gominer/hasher"
)

// typical are the messages that most of a connection consists of.
func typical() []Message {
	return []Message{
		&SubmitSharesStandard{1, 2, 3, 4, 5, 6},
		&SubmitSharesExtended{1, 2, 3, 4, 5, 6, make([]byte, 8), nil},
		&SubmitSharesSuccess{1, 2, 3, 4},
		&NewMiningJob{ChannelID: 1, JobID: 2, Future: true},
		&NewExtendedMiningJob{ChannelID: 1, JobID: 2, Future: true, MerklePath: make([]hasher.Hash, 12), CoinbaseTxPrefix: make([]byte, 60), CoinbaseTxSuffix: make([]byte, 120)},
		&SetNewPrevHash{ChannelID: 1, JobID: 2},
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, m := range typical() {
		b.Run(fmt.Sprint(m.Type()), func(b *testing.B) {
			c := NewConn(duplex{nil, writeFunc(func(p []byte) (int, error) { return len(p), nil })}, 0)
			b.SetBytes(int64(len(mustAppend(b, m))))
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Write(m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for _, m := range typical() {
		b.Run(fmt.Sprint(m.Type()), func(b *testing.B) {
			frame := mustAppend(b, m)
			r := bytes.NewReader(nil)
			c := NewConn(duplex{r, nil}, 0)
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			for b.Loop() {
				r.Reset(frame)
				if _, err := c.Read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
