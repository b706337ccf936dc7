package stratum_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
)

// TestVersionForm: pools take the version bits of a share for what is to replace
// the job's (BIP310), be added to them, or differ from them. Whichever it is, no
// share is lost once that is found out, and all that is lost until then is time.
func TestVersionForm(t *testing.T) {
	const base, mask = 0x30400007, 0x1fffe000
	for name, test := range map[string]struct {
		header func(bits uint32) uint32
		trait  bool
	}{
		"replaced (BIP310)":                    {func(b uint32) uint32 { return base&^mask | b }, false},
		"added (ckpool)":                       {func(b uint32) uint32 { return base | b }, false},
		"changed (M45-goPool and public-pool)": {func(b uint32) uint32 { return base ^ b }, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, nil)
				sent := 0
				for conn := range 2 { // it is remembered
					p := r.accept()
					p.handshake()
					p.difficulty(easy)
					id := fmt.Sprint(conn)
					p.send(`{"id":null,"method":"mining.notify","params":[%q,"%s","%s","%s",[],"%08x","1d00ffff","65000000",true]}`, id, prev, coinb1, coinb2, base)
					j := r.job()
					n := uint64(r.count.Load())
					want := make(map[string]uint32) // the header's version, by nonce
					r.found(5)
					if n := j.Versions(); n != 1<<14 {
						t.Errorf("%d versions", n)
					}
					for answered := 0; answered < 5; {
						q := p.expect("mining.submit")
						sent++
						nonce := q.texts()[4]
						if want[nonce] == 0 {
							want[nonce] = j.RolledVersion(n)
							n++
						}
						bits, err := strconv.ParseUint(q.texts()[5], 16, 32)
						if err != nil || uint32(bits)&^mask != 0 {
							t.Errorf("bits %s", q.texts()[5])
						}
						if test.header(uint32(bits)) == want[nonce] {
							p.answer(q, "true")
							answered++
						} else {
							p.refuse(q, `[23,"low difficulty share",null]`)
						}
					}
					if got := slices.Contains(r.status().Traits, "version bits as a change"); got != test.trait {
						t.Errorf("traits %q", r.status().Traits)
					}
					p.close()
				}
				wasted := 0
				if test.trait {
					wasted = 5 // they were on their way
				}
				if s := r.end(); s.Shares.Accepted != 10 || s.Shares.Rejected != 0 || sent != 10+wasted {
					t.Errorf("%+v, %d sent", s.Shares, sent)
				}
			})
		})
	}
}
