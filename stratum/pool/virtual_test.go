package pool_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// TestVardiff lets a client of a virtual hash rate find real shares, as often as
// chance and its difficulty allow.
func TestVardiff(t *testing.T) {
	const (
		hashrate  = 500 // H/s
		perMinute = 20
		right     = hashrate * 60.0 / perMinute / (1 << 32)
	)
	for _, first := range []float64{1e-9, right, 3e-5} {
		t.Run(fmt.Sprint(first), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := easy()
				cfg.Difficulty = first
				cfg.Vardiff = perMinute
				l := newPipes()
				r := startOn(t, cfg, l)
				m := newMiner(t, l.dial())
				shares := m.virtual(hashrate, 20*time.Minute)
				s := r.Stats()
				if d := s.Conns[0].Difficulty; d < right/2.5 || d > right*2.5 {
					t.Errorf("difficulty %v, want about %v", d, right)
				}
				if s.Total.Rejected > 0 || s.Total.Accepted != uint64(shares) || shares < 5*perMinute {
					t.Errorf("%d shares sent, counted %+v", shares, s.Total)
				}
				if h := s.Total.Hashrate; h < hashrate/2 || h > hashrate*2 {
					t.Errorf("hash rate is estimated as %v, is %v", h, hashrate)
				}
				m.nc.Close()
				r.stop()
			})
		})
	}
}

// TestVardiffBounds: neither bound is passed, nor the network's difficulty, even
// if the pool began above it, unless every few hashes are a block.
func TestVardiffBounds(t *testing.T) {
	for _, c := range []struct {
		bits        uint32
		first       float64
		min, max    float64
		least, most float64
	}{
		{hardBits, 1e-8, 0, 1e-7, 1e-7, 1e-7},
		{hardBits, 1e-8, 1e-5, 0, 1e-5, 1e-5},
		{easyBits, 1e-8, 0, 0, 5.96e-8, 5.97e-8},
		{easyBits, 1e-6, 0, 0, 5.96e-8, 5.97e-8},
		{easyBits, 1e-6, 1e-7, 0, 1e-7, 1e-7},
		{0x207fffff, 1e-8, 0, 0, 6e-8, 3e-7}, // free: about 1.2e-7
	} {
		synctest.Test(t, func(t *testing.T) {
			cfg := easy()
			cfg.Source = chainOf(c.bits)
			cfg.Vardiff = 60
			cfg.Difficulty = c.first
			cfg.MinDifficulty, cfg.MaxDifficulty = c.min, c.max
			l := newPipes()
			r := startOn(t, cfg, l)
			m := newMiner(t, l.dial())
			m.virtual(500, 5*time.Minute)
			if d := r.Stats().Conns[0].Difficulty; d < c.least || d > c.most {
				t.Errorf("difficulty %v, want %v to %v", d, c.least, c.most)
			}
			m.nc.Close()
			r.stop()
		})
	}
}

// virtual mines at a hash rate for a while and returns how many shares it sent.
func (m *miner) virtual(hashrate float64, d time.Duration) (shares int) {
	m.login()
	lines := make(chan *line, 64)
	go func() { // pipes hold nothing: who does not read is slow
		defer close(lines)
		for {
			b, err := m.in.ReadBytes('\n')
			l := new(line)
			if err != nil || json.Unmarshal(b, l) != nil {
				return
			}
			lines <- l
		}
	}()
	rng := rand.New(rand.NewPCG(3, uint64(hashrate)))
	end := time.After(d)
	for en2 := uint64(1); ; {
		w := &m.jobs[len(m.jobs)-1]
		wait := rng.ExpFloat64() * w.difficulty * (1 << 32) / hashrate
		select {
		case <-end:
			return shares
		case l, ok := <-lines:
			if !ok {
				m.t.Error("the connection ended")
				return shares
			}
			m.note(l)
			if l.Error != nil {
				m.t.Errorf("share refused: %v", l.Error)
			}
		case <-time.After(time.Duration(wait * 1e9)):
			s := m.mine(w, m.blank(w, en2), targetOf(w.difficulty), nil)
			en2++
			shares++
			m.write(fmt.Sprintf(`{"method":"mining.submit","params":["w","%s","%x","%08x","%08x"],"id":4}`, w.id, s.en2, s.ntime, s.nonce))
		}
	}
}
