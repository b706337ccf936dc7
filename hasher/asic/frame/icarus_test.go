package frame

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"gominer/hasher"
)

// goldenPacket is what the miners of the time send to find out what answers.
const goldenPacket = "4679ba4ec99876bf4bfe086082b400254df6c356451471139a3afa71e48f544a" +
	"0000000000000000000000000000000000000000" + "87320b1a1426674f2fa722ce"

// TestIcarusGolden holds the packet to the bytes that others send, and its nonce
// to crypto/sha256: the hash is that of block 171874.
func TestIcarusGolden(t *testing.T) {
	want, err := hex.DecodeString(goldenPacket)
	if err != nil {
		t.Fatal(err)
	}
	if got := IcarusGolden.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("packet %x, want %x", got, want)
	}
	if w, err := ParseIcarusWork(want); err != nil || w != IcarusGolden {
		t.Errorf("read as %+v, %v", w, err)
	}

	// The state of SHA-256 after 64 bytes, as crypto/sha256 writes it down.
	state := []byte("sha\x03")
	for _, x := range IcarusGolden.Mid {
		state = binary.BigEndian.AppendUint32(state, x)
	}
	state = append(state, make([]byte, 64)...)
	state = binary.BigEndian.AppendUint64(state, 64)
	first := sha256.New()
	if err := first.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	first.Write(IcarusGolden.Tail[:])
	first.Write(IcarusGoldenNonce[:])
	hash := hasher.Hash(sha256.Sum256(first.Sum(nil)))
	target, err := hasher.Bits(binary.LittleEndian.Uint32(IcarusGolden.Tail[8:])).Target()
	if err != nil || !target.Meets(&hash) {
		t.Errorf("hash %v does not meet its own header's target, %v", hash, err)
	}
}

func TestIcarusWorkIsRefused(t *testing.T) {
	good := (&IcarusWork{ID: IcarusMostID}).Append(nil)
	if _, err := ParseIcarusWork(good); err != nil {
		t.Fatal(err)
	}
	for at, x := range map[int]byte{32: 1, 50: 1, 51: IcarusMostID + 1} {
		b := bytes.Clone(good)
		b[at] = x
		if w, err := ParseIcarusWork(b); err == nil {
			t.Errorf("%02x at %d is read as %+v", x, at, w)
		}
	}
	for _, b := range [][]byte{nil, good[:63], append(good, 0)} {
		if _, err := ParseIcarusWork(b); err == nil {
			t.Errorf("%d bytes are read as work", len(b))
		}
	}
}

func TestIcarusClock(t *testing.T) {
	for word, want := range map[uint16]string{0x0783: "8207831c", 0x0b82: "820b8214"} {
		got := IcarusClock(word)
		if hex.EncodeToString(got) != want {
			t.Errorf("word %04x is % x, want %s", word, got, want)
		}
		if back, err := ParseIcarusClock(got); err != nil || back != word {
			t.Errorf("% x is word %04x, %v", got, back, err)
		}
		got[1] ^= 4
		if _, err := ParseIcarusClock(got); err == nil {
			t.Errorf("% x has a wrong checksum and is read", got)
		}
	}
}

func FuzzIcarusWork(f *testing.F) {
	f.Add(IcarusGolden.Append(nil))
	f.Add(make([]byte, IcarusSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := ParseIcarusWork(b)
		if err != nil {
			return
		}
		if got := w.Append(nil); !bytes.Equal(got, b) {
			t.Errorf("%x is read as %+v, which is %x", b, w, got)
		}
	})
}

func FuzzIcarusClock(f *testing.F) {
	f.Add(IcarusClock(0x0783))
	f.Fuzz(func(t *testing.T, b []byte) {
		word, err := ParseIcarusClock(b)
		if err != nil {
			return
		}
		if got := IcarusClock(word); !bytes.Equal(got, b) {
			t.Errorf("% x is read as %04x, which is % x", b, word, got)
		}
	})
}
