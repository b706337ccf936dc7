package board

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gominer/hasher"
	"gominer/hasher/asic"
	"gominer/hasher/asic/emulate"
	"gominer/hasher/asic/usb"
	"gominer/miner"
	"gominer/miner/minertest"
)

// lines is a log of which each line is handed to whoever waits for one.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

// await returns once a line has text.
func (l lines) await(text string) {
	for !strings.Contains(<-l, text) {
	}
}

// TestMineBitaxe mines with a chip in software whose board runs hot, is switched
// off, and goes on when it is cool again.
func TestMineBitaxe(t *testing.T) {
	const zeroBits = 13
	chip, err := emulate.New(emulate.Config{Chip: "bm1370", ZeroBits: zeroBits, Rate: 2e6})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	link, ready := filepath.Join(t.TempDir(), "ttyACM1"), make(chan error, 2)
	wg.Go(func() { ready <- chip.Run(ctx, link, func(string) { ready <- nil }) })
	if err := <-ready; err != nil {
		if os.Getenv("GOMINER_CI") == "" {
			t.Skip(err)
		}
		t.Fatal(err)
	}

	g := newGamma(t, oldForm)
	log := make(lines, 1<<16)
	device, err := asic.New(asic.Config{
		Name: "usb0", Chip: "bm1370", ZeroBits: zeroBits, Frequency: 75, Log: slog.New(slog.NewTextHandler(log, nil)),
		Open: func(context.Context) (*asic.Board, error) {
			port, err := usb.Open(link, 115200)
			if err != nil {
				return nil, err
			}
			cfg := BitaxeConfig{Chips: port, Control: g.plug(), Voltage: 1.1, Fan: 70}
			return newBoard(port, newBitaxe(cfg), 20*time.Millisecond, nil), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	pool := &minertest.Source{Label: "pool", Script: func(ctx context.Context, s *miner.Session) error {
		j := minertest.Job(1)
		j.VersionMask = 0x1fffe000
		j.Target = hasher.MaxTarget
		j.Target[31], j.Target[30] = 0, 0xff>>(zeroBits-8)
		s.Publish(j)
		minertest.AcceptAll(ctx, s)
		return nil
	}}
	m := miner.New(miner.Config{Source: pool, Devices: []miner.Device{device}, Log: slog.New(slog.NewTextHandler(log, nil))})
	wg.Go(func() { _ = m.Run(ctx) }) // ends with ctx

	log.await("share accepted")
	g.do(func() {
		if !g.pin || g.volts() == 0 || g.fan[emcFan] != 44 {
			t.Errorf("mining with pin %v, %v V, fan %d", g.pin, g.volts(), g.fan[emcFan])
		}
		g.celsius = 85
	})
	log.await(`error="the board is switched off: it is too hot: 85 °C, at most 80"`)
	if s := g.safe(); s != "" {
		t.Error(s)
	}
	log.await("it has to cool down to 60 first")
	if s := g.safe(); s != "" {
		t.Error(s)
	}
	g.do(func() { g.celsius = 45 })
	log.await("mining with")
	log.await("share accepted")
	for m.Snapshot().Devices[0].Health.Temperature != 57 { // the regulator's
		log.await("share accepted")
	}
	cancel()
	wg.Wait()
	if s := g.safe(); s != "" {
		t.Errorf("at the end %s", s)
	}
}
