package board

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"testing"
	"testing/synctest"
)

// TestRequests compares requests with known ones.
func TestRequests(t *testing.T) {
	for _, tt := range []struct {
		ask  func(ctx context.Context, r *raw) error
		want string
	}{
		{func(ctx context.Context, r *raw) error { return r.setPin(ctx, 0, false) }, "0700010006" + "0000"},
		{func(ctx context.Context, r *raw) error { return r.setFrequency(ctx, 400_000) }, "0a00010005" + "10801a0600"},
		{func(ctx context.Context, r *raw) error { return r.write(ctx, 0x4c, 0x4c, 63) }, "0900010005" + "204c4c3f"},
		{func(ctx context.Context, r *raw) error { _, err := r.read(ctx, 0x4c, 0xfe, 1); return err }, "0900010005" + "404cfe01"},
	} {
		synctest.Test(t, func(t *testing.T) {
			host, board := net.Pipe()
			r := newRaw(host)
			r.form = newForm
			done := make(chan string)
			go func() {
				b := make([]byte, 64)
				n, _ := board.Read(b)
				data := byte(0)
				_, _ = board.Write([]byte{5, 0, b[2], 0, data})
				done <- fmt.Sprintf("%x", b[:n])
			}()
			err := tt.ask(t.Context(), r)
			if got := <-done; got != tt.want || err != nil {
				t.Errorf("sent %s, %v, want %s", got, err, tt.want)
			}
			_ = r.wire.close()
			_ = board.Close()
		})
	}
}

func TestDecodeReply(t *testing.T) {
	for _, tt := range []struct {
		name string
		form form
		in   []byte
		want int
		data string
		err  error
	}{
		{"old", oldForm, []byte{1, 0, 7, 0}, 1, "00", nil},
		{"old, nothing", oldForm, []byte{0, 0, 7}, -1, "", nil},
		{"old, an error", oldForm, []byte{2, 0, 7, 0xff, 0x11}, 1, "", statusError(0x11)},
		{"old, an error or data", oldForm, []byte{2, 0, 7, 0xff, 0x10}, 2, "", statusError(0x10)},
		{"old, data", oldForm, []byte{2, 0, 7, 0xff, 0x40}, 2, "ff40", nil},
		{"old, a text", oldForm, []byte{4, 0, 7, 0xff, 0xff, 'n', 'o'}, 1, "", statusError(0xff)},
		{"new", newForm, []byte{5, 0, 7, 0, 1}, 1, "01", nil},
		{"new, an error", newForm, []byte{4, 0, 7, 0x12}, 1, "", statusError(0x12)},
		{"new, ff is data", newForm, []byte{6, 0, 7, 0, 0xff, 0x10}, 2, "ff10", nil},
		{"too few", newForm, []byte{5, 0, 7, 0, 1}, 2, "", errReply},
		{"cut off", newForm, []byte{5, 0, 7, 0}, 1, "", errReply},
		{"too short", newForm, []byte{3, 0, 7}, 0, "", errReply},
		{"too long", oldForm, []byte{1, 1, 7}, 0, "", errReply},
		{"nothing", oldForm, nil, 0, "", errReply},
	} {
		id, data, err := decodeReply(tt.form, tt.in, tt.want)
		if fmt.Sprintf("%x", data) != tt.data || !errors.Is(err, tt.err) || tt.err == nil && id != 7 {
			t.Errorf("%s: %d, %x, %v; want %s, %v", tt.name, id, data, err, tt.data, tt.err)
		}
	}
}

func FuzzReply(f *testing.F) {
	f.Add(false, []byte{1, 0, 7, 0}, 1)
	f.Add(false, []byte{2, 0, 7, 0xff, 0x10}, 2)
	f.Add(true, []byte{5, 0, 7, 0, 1}, -1)
	f.Add(true, []byte{4, 1, 7, 0xff}, 0)
	f.Fuzz(func(t *testing.T, isNew bool, b []byte, want int) {
		form := oldForm
		if isNew {
			form = newForm
		}
		n, err := replyLength(form, b)
		_, data, derr := decodeReply(form, b, want)
		switch {
		case n > 4+mostReply || len(data) > mostReply:
			t.Errorf("%d bytes, %d of data", n, len(data))
		case derr == nil && (err != nil || n == 0 || n > len(b)):
			t.Errorf("decoded what has length %d, %v, of %d", n, err, len(b))
		case derr == nil && want >= 0 && len(data) != want:
			t.Errorf("%d bytes of data, want %d", len(data), want)
		}
	})
}

func TestLinear11(t *testing.T) {
	for _, v := range []float64{0, 650, 0.25, 4.8, 3, -1, -40.5, 145, 30} {
		if got := fromLinear11(toLinear11(v)); math.Abs(got-v) > math.Abs(v)/500 {
			t.Errorf("%v became %v", v, got)
		}
	}
	for w, want := range map[uint16]float64{0xdbc0: 30, 0x028a: 650, 0xe320: 50, 0x0001: 1, 0x07ff: -1, 0x7bff: 1023 << 15} {
		if got := fromLinear11(w); got != want {
			t.Errorf("%#04x is %v, want %v", w, got, want)
		}
	}
	if got := toLinear11(1e12); got != 0x7bff {
		t.Errorf("what is too large becomes %#04x, want the most", got)
	}
}

func TestTemperature(t *testing.T) {
	for _, tt := range []struct {
		high, low byte
		want      float64
		bad       bool
	}{{0x19, 0x20, 25.125, false}, {0x00, 0x00, 0, false}, {0xff, 0xe0, -0.125, false}, {0x7f, 0x00, 0, true}, {0x7f, 0xe0, 0, true}, {0x50, 0xff, 80.875, false}} {
		if got, err := emcTemperature(tt.high, tt.low); got != tt.want || (err != nil) != tt.bad {
			t.Errorf("%#02x %#02x: %v, %v, want %v", tt.high, tt.low, got, err, tt.want)
		}
	}
}
