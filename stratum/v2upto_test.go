package stratum

import "testing"

// M10: sequence numbers go round.
func TestM10UpTo(t *testing.T) {
	const top = 1<<32 - 1
	subs := func(numbers ...uint32) (out []*v2Submission) {
		for _, n := range numbers {
			out = append(out, &v2Submission{sequence: n})
		}
		return out
	}
	around := subs(top-1, top, 0, 1)
	for _, c := range []struct {
		subs []*v2Submission
		last uint32
		want int
	}{
		{nil, 5, 0},
		{subs(3, 4, 5), 2, 0},
		{subs(3, 4, 5), 4, 2},
		{subs(3, 5), 4, 1},
		{subs(3, 4, 5), 100, 3},
		{subs(3, 4, 5), top, 0},
		{around, top - 2, 0},
		{around, top - 1, 1},
		{around, top, 2},
		{around, 0, 3},
		{around, 7, 4},
	} {
		if got := upTo(c.subs, c.last); got != c.want {
			t.Errorf("%d of %d shares up to %d, want %d", got, len(c.subs), c.last, c.want)
		}
	}
}

// M10: a share that was refused is let go, whatever comes of those before it.
func TestM10Pick(t *testing.T) {
	ch := &v2Channel{}
	for n := range uint32(5) {
		ch.unanswered = append(ch.unanswered, &v2Submission{sequence: n})
	}
	for i, c := range []struct {
		number uint32
		left   int
	}{{3, 4}, {3, 4}, {4, 3}, {9, 3}, {0, 2}} {
		sub := ch.pick(c.number)
		if fresh := i == 0 || i == 2 || i == 4; fresh != (sub != nil) || fresh && sub.sequence != c.number || len(ch.unanswered) != c.left {
			t.Errorf("share %d: %+v, %d left", c.number, sub, len(ch.unanswered))
		}
	}
}
