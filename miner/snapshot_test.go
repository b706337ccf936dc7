package miner_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/miner"
	"gominer/miner/minertest"
)

// TestSourceReport follows two sources through outages, changes of difficulty
// and slow answers.
func TestSourceReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		flaky := &minertest.Source{Label: "flaky", Script: func(ctx context.Context, s *miner.Session) error {
			ctx, cancel := context.WithTimeout(ctx, 100*time.Second+time.Millisecond)
			defer cancel()
			s.Status(miner.SourceStatus{State: miner.Connecting})
			time.Sleep(time.Second)
			s.Status(miner.SourceStatus{State: miner.Up, URL: "stratum+tcp://flaky"})
			for _, top := range []byte{0xff, 0xff, 0x7f} {
				j := minertest.Job(1)
				j.Target[31] = top
				s.Publish(j)
				time.Sleep(time.Millisecond) // two at once may be taken for one
			}
			for {
				select {
				case sh := <-s.Shares():
					n++
					sh.Sent = time.Now()
					time.Sleep(time.Duration(n) * time.Millisecond)
					s.Report(sh, nil)
				case <-ctx.Done():
					return errors.New("connection lost")
				}
			}
		}}
		m, stop := inBackground(t, miner.Config{
			Source:     miner.Failover(flaky, miner.Failover(accepting("spare"), accepting("other"))),
			Devices:    []miner.Device{&minertest.Device{Label: "dev", Rate: 100}},
			BestBefore: 1e30,
		})
		names := ""
		for i, src := range m.Snapshot().Sources {
			names += src.Name + " "
			if i > 0 && (!src.Since.IsZero() || src.Status.State != miner.Idle) { // the first may have begun
				t.Errorf("%s was never in use, and is %v since %v", src.Name, src.Status.State, src.Since)
			}
		}
		if want := "flaky spare other "; names != want {
			t.Errorf("sources %q, want %q before any is in use", names, want)
		}
		time.Sleep(300 * time.Second)
		s := stop()
		r := s.Sources[0]
		if r.Connects < 2 || r.Uptime < 130*time.Second || r.Uptime > time.Duration(r.Connects)*100*time.Second {
			t.Errorf("up %v in %d connections", r.Uptime, r.Connects)
		}
		if spare := s.Sources[1]; spare.Uptime == 0 || r.Uptime+spare.Uptime > s.Elapsed || spare.Hashes+r.Hashes != s.Hashes {
			t.Errorf("up %v and %v of %v; %d and %d hashes of %d", r.Uptime, spare.Uptime, s.Elapsed, r.Hashes, spare.Hashes, s.Hashes)
		}
		last := time.Duration(n) * time.Millisecond
		if l := r.Latency; l.Last != last || l.P50 < last/2-time.Millisecond || l.P50 > last/2+time.Millisecond || l.P99 < last-3*time.Millisecond || l.P99 > last {
			t.Errorf("latency %+v of 1 to %v", l, last)
		}
		d := r.Difficulties
		if len(d) < 2 || d[0].Difficulty >= d[1].Difficulty || d[0].Since.After(d[1].Since) {
			t.Errorf("difficulties %v", d)
		}
		want := r.Shares.Difficulty + s.Sources[1].Shares.Difficulty + s.Sources[2].Shares.Difficulty
		if got := s.Shares.Difficulty; got == 0 || math.Abs(got-want) > 1e-9*want {
			t.Errorf("difficulty %v in all, want %v", got, want)
		}
		if s.LastAccepted.IsZero() || s.LastAccepted != s.Devices[0].LastAccepted {
			t.Errorf("last accepted at %v, of the device at %v", s.LastAccepted, s.Devices[0].LastAccepted)
		}
		if s.BestEver != 1e30 || s.Best == 0 || s.Best != s.Devices[0].Best {
			t.Errorf("best %v, of the device %v, ever %v", s.Best, s.Devices[0].Best, s.BestEver)
		}
	})
}

// TestBlocksAndMessages finds more blocks, and hears more, than are kept.
func TestBlocksAndMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		source := &minertest.Source{Label: "pool", Script: func(ctx context.Context, s *miner.Session) error {
			j := minertest.Job(7)
			j.Bits = 0x2100ffff // everything is a block
			s.Publish(j)
			for {
				select {
				case sh := <-s.Shares():
					var err error
					if n++; n%2 == 0 {
						err = &miner.Reject{Reason: "bad-txns"}
					}
					s.Report(sh, err)
					s.Message(fmt.Sprint("text ", n))
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}}
		s := run(t, 100*time.Second+time.Millisecond, miner.Config{
			Source: source, Devices: []miner.Device{&minertest.Device{Label: "dev", Rate: 100}},
		})
		if len(s.Blocks) != 64 || len(s.Messages) != 32 || n != 100 {
			t.Fatalf("%d blocks and %d messages of %d are kept", len(s.Blocks), len(s.Messages), n)
		}
		for i, b := range s.Blocks {
			odd := (i+n-len(s.Blocks))%2 == 0
			if b.Height != 7 || b.Source != "pool" || b.Hash == (hasher.Hash{}) || (b.Err == nil) != odd || i > 0 && !b.Found.After(s.Blocks[i-1].Found) {
				t.Errorf("block %d is %+v", i, b)
			}
		}
		for i, msg := range s.Messages {
			if want := fmt.Sprint("text ", 69+i); msg.Text != want || msg.Source != "pool" || msg.Came.IsZero() {
				t.Errorf("message %d is %+v, want %s", i, msg, want)
			}
		}
	})
}

// threads is a device with a thread for each rate, which may change.
type threads struct {
	minertest.Device
	start time.Time
	rates []uint64 // H/s
}

func (d *threads) AppendTried(list []uint64) []uint64 {
	for _, r := range d.rates {
		list = append(list, uint64(float64(r)*time.Since(d.start).Seconds()))
	}
	return list
}

func TestThreadRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &threads{Device: minertest.Device{Label: "dev", Rate: 100}, start: time.Now().Add(-time.Hour), rates: []uint64{1000, 3000}}
		m, stop := inBackground(t, miner.Config{Source: accepting("pool"), Devices: []miner.Device{d, &minertest.Device{Label: "one", Rate: 1}}})
		check := func(at time.Duration, want ...uint64) {
			t.Helper()
			time.Sleep(at - m.Snapshot().Elapsed)
			got := m.Snapshot().Devices[0].ThreadRates
			ok := len(got) == len(want)
			for i := range want {
				ok = ok && math.Abs(got[i]-float64(want[i])) < 2
			}
			if !ok {
				t.Errorf("after %v: %v H/s, want %v", at, got, want)
			}
		}
		check(1500*time.Millisecond, 1000, 3000)
		check(time.Minute+500*time.Millisecond, 1000, 3000)
		d.rates = append(d.rates, 500)
		check(61*time.Second+500*time.Millisecond, 1000, 3000, 0) // one reading is no rate
		check(62*time.Second+500*time.Millisecond, 1000, 3000, 500)
		d.rates = d.rates[:1]
		check(90*time.Second+500*time.Millisecond, 1000)
		if s := stop(); s.Devices[1].ThreadRates != nil {
			t.Errorf("rates %v of threads that nobody tells apart", s.Devices[1].ThreadRates)
		}
	})
}

// TestFloods: of what comes often people are told the first, and a sum each
// minute; programs are told all.
func TestFloods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var people, programs bytes.Buffer
		log := slog.New(slog.NewMultiHandler(
			slog.NewTextHandler(&people, nil), slog.NewTextHandler(&programs, &slog.HandlerOptions{Level: slog.LevelDebug}),
		))
		s := run(t, 150*time.Second+time.Millisecond, miner.Config{
			Source: accepting("pool"), Devices: []miner.Device{&minertest.Device{Label: "dev", Rate: 1000, Draw: 1002_500 * time.Microsecond}}, Log: log,
		})
		if got, want := strings.Count(programs.String(), "event=share "), int(s.Shares.Accepted); got != want || want != 149 {
			t.Errorf("%d events of %d shares, want 149", got, want)
		}
		if got := strings.Count(people.String(), "msg=\"share accepted\""); got != 3*20 {
			t.Errorf("people are told of %d shares, want 20 in each of three minutes", got)
		}
		for _, count := range []int{59, 60, 30} {
			want := fmt.Sprintf("msg=\"share accepted: more than 20 a minute\" count=%d\n", count)
			if !strings.Contains(people.String(), want) {
				t.Errorf("people are not told %q", want)
			}
		}
	})
}

// TestTraits: what a source found out about its peer is told when it comes up,
// and again whenever it is something else.
func TestTraits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		src := &minertest.Source{Label: "pool", Script: func(ctx context.Context, s *miner.Session) error {
			st := miner.SourceStatus{State: miner.Connecting}
			s.Status(st)
			st.State, st.Traits = miner.Up, []string{"a b"}
			s.Status(st)
			s.Status(st)
			st.Traits = []string{"a b", "c"}
			s.Status(st)
			s.Status(st)
			<-ctx.Done()
			return ctx.Err()
		}}
		_, stop := inBackground(t, miner.Config{
			Source:  src,
			Devices: []miner.Device{&minertest.Device{Label: "dev", Rate: 100}},
			Log:     slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		synctest.Wait()
		stop()
		for text, want := range map[string]int{
			"event=connected": 1, "event=source": 3, "state=connecting": 1, `traits="[a b]"`: 1, `traits="[a b c]"`: 1,
		} {
			if got := strings.Count(log.String(), text); got != want {
				t.Errorf("%s %d times, want %d:\n%s", text, got, want, &log)
			}
		}
	})
}

// TestFloodOfJobs: a source that gives out jobs without end doesn't fill the log,
// and what it calls them is fit to be shown.
func TestFloodOfJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		src := &minertest.Source{Label: "pool", Script: func(ctx context.Context, s *miner.Session) error {
			for range 3 {
				for i := range uint32(1000) {
					j := minertest.Job(i)
					j.ID = "\x1b[2J"
					s.Publish(j)
				}
				time.Sleep(time.Second)
			}
			<-ctx.Done()
			return nil
		}}
		run(t, 10*time.Second, miner.Config{Source: src, Devices: []miner.Device{&minertest.Device{Label: "dev", Rate: 1000}}, Log: slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		if n := strings.Count(out.String(), `"event":"job"`); n != 3*32 {
			t.Errorf("%d jobs are logged, want 32 in each of three seconds", n)
		}
		if text := out.String(); strings.Contains(text, `\u001b`) || !strings.Contains(text, `"id":"�[2J"`) {
			t.Errorf("an id is not fit to be shown:\n%.500s", text)
		}
	})
}
