package pool

import (
	"fmt"

	"gominer/stratum/v2"
)

// V2Config says how the pool works for clients that speak Stratum V2. The zero
// value is its default.
type V2Config struct {
	// Batch is how many shares of a channel are acknowledged at once; 0: 10. What
	// waits is acknowledged within 10 s, or with a block.
	Batch int

	// ExtranonceSize is how many bytes extended channels have to roll, and how many
	// zeros standard ones have in their place; 0: 16, or what an extranonce1 leaves
	// of the 32 that there may be.
	ExtranonceSize int
}

// What zeros in a V2Config stand for.
const (
	DefaultBatch          = 10
	DefaultExtranonceSize = 16
)

const mostV2Batch = 1 << 20 // shares

// fill puts the defaults in place of zeros and checks the rest. prefix is the
// size of an extranonce1.
func (c *V2Config) fill(prefix int) error {
	if c.Batch == 0 {
		c.Batch = DefaultBatch
	}
	if c.ExtranonceSize == 0 {
		c.ExtranonceSize = min(DefaultExtranonceSize, v2.MaxExtranonce-prefix)
	}
	switch {
	case c.Batch < 0 || c.Batch > mostV2Batch:
		return fmt.Errorf("pool: batches of %d shares, want 1 to %d", c.Batch, mostV2Batch)
	case c.ExtranonceSize < 0 || prefix+c.ExtranonceSize > v2.MaxExtranonce:
		return fmt.Errorf("pool: extranonce of %d bytes behind %d, want at most %d in all", c.ExtranonceSize, prefix, v2.MaxExtranonce)
	}
	return nil
}

// extranonce1Length returns the size of every extranonce1.
func (c *Config) extranonce1Length() int {
	if c.Extranonce1 != nil {
		return len(c.Extranonce1)
	}
	return extranonce1Size
}

// bip323 has the version bits that Stratum V2 gives to miners: all of them, or
// none. There is no way to tell of a smaller mask.
const bip323 = 0x1fffffe0

// mostRolled is how many seconds clients may roll the time of a job that nothing
// replaces; they are given another one then. Shares may have it 2 h ahead.
const mostRolled = 3600

// v2Work is the present template, cut for the extranonces of Stratum V2.
type v2Work struct {
	job  *job
	time uint32 // to begin with, Unix seconds
}

// v2Cut is the latest job that was cut so, for all connections.
type v2Cut struct {
	of  *Template
	job *job
	err error
}

// nowV2 returns the work of clients that speak Stratum V2; its job is nil if
// there is none. The job is another one whenever clients have to hear of it: not
// when the time alone went on, which they know themselves.
func (p *Pool) nowV2() (v2Work, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	j, cut := p.current, &p.cut
	if j == nil {
		return v2Work{}, nil
	}
	if cut.of != j.template {
		*cut = v2Cut{of: j.template}
		size := p.cfg.extranonce1Length() + p.cfg.V2.ExtranonceSize
		if cut.job, cut.err = newJob(j.template, size, p.cfg.Quirks.CoinbasePad); j.template.Prefix != nil && size != p.extranonceSize() {
			cut.err = fmt.Errorf("its coinbase is cut for an extranonce of %d bytes, not %d", p.extranonceSize(), size)
		}
	}
	if cut.err != nil {
		return v2Work{}, fmt.Errorf("template of height %d: %w", j.template.Height, cut.err)
	}
	if cut.job.epoch != j.epoch || cut.job.mask != j.mask || j.time-cut.job.time > mostRolled {
		again := *cut.job
		again.epoch, again.mask, again.time = j.epoch, j.mask, j.time
		cut.job = &again
	}
	return v2Work{cut.job, j.time}, nil
}
