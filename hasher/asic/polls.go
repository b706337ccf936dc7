package asic

import (
	"fmt"
	"time"
)

const (
	// pollEvery is how often chips are asked something while they mine.
	pollEvery = 10 * time.Second

	// pollsMissed is how many times nobody answers before the chips are gone.
	pollsMissed = 3
)

// polls tells whether chips still answer questions. Some never do while they mine;
// that is no fault of theirs.
type polls struct {
	ever, now bool // somebody answered: at all, since the latest question
	missed    int
}

func (p *polls) answered() { p.ever, p.now = true, true }

// next is called before each question.
func (p *polls) next() error {
	if p.ever && !p.now {
		p.missed++
	} else {
		p.missed = 0
	}
	p.now = false
	if p.missed == pollsMissed {
		return fmt.Errorf("%w: no chip answers any more", errSilent)
	}
	return nil
}
