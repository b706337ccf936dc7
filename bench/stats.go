package bench

import (
	"math"
	"slices"
)

// median returns the middle of v, the mean of the two middle ones of an even
// number; 0 for none.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// quantile returns the smallest of v that is at or above a share q of all, by
// the nearest rank; 0 for none. v is sorted.
func quantile(v []float64, q float64) float64 {
	if len(v) == 0 {
		return 0
	}
	rank := int(math.Ceil(q * float64(len(v))))
	return v[min(max(rank, 1), len(v))-1]
}

// span returns the least and the largest of v, zeros for none.
func span(v []float64) (least, most float64) {
	if len(v) == 0 {
		return 0, 0
	}
	return slices.Min(v), slices.Max(v)
}

// spread returns how far the values of v lie apart, as a part of their median.
func spread(v []float64) float64 {
	m := median(v)
	if m == 0 {
		return 0
	}
	least, most := span(v)
	return (most - least) / m
}

// testRuns is how many values each side of rankTest must have for it to be able
// to say anything at significance: the rarest order of 4 and 4 has p = 2/70. From
// rangeRuns on, two ranges that lie apart are worth a mention: 3 and 3 do so by
// chance once in ten times, 2 and 2 once in three.
const (
	testRuns     = 4
	rangeRuns    = 3
	significance = 0.05
)

// exactMost is up to how many values a side the exact distribution is counted
// out; beyond it the normal one is as good.
const exactMost = 20

// rankTest is the two-sided Mann-Whitney U test: how likely it is that two
// samples of one distribution lie apart at least as far as a and b do. It asks
// for no particular distribution, so that a run which the system held up weighs
// no more than any other that is slow.
func rankTest(a, b []float64) (p float64) {
	if len(a) == 0 || len(b) == 0 {
		return 1
	}
	u, ties := 0.0, false
	for _, x := range a {
		for _, y := range b {
			switch {
			case x > y:
				u++
			case x == y:
				u += 0.5
				ties = true
			}
		}
	}
	n, m := len(a), len(b)
	u = min(u, float64(n*m)-u)
	if !ties && n <= exactMost && m <= exactMost {
		return min(1, 2*exactTail(n, m, int(u)))
	}
	sigma := math.Sqrt(float64(n) * float64(m) / 12 * (float64(n+m+1) - tieTerm(a, b)))
	if sigma == 0 {
		return 1 // all values are one
	}
	z := max(0, float64(n)*float64(m)/2-u-0.5) / sigma
	return math.Erfc(z / math.Sqrt2)
}

// exactTail returns the probability that U of n and m values without ties is at
// most u. The number of orders with a given U obeys
// c(n, m, u) = c(n-1, m, u-m) + c(n, m-1, u), by who has the largest value.
func exactTail(n, m, u int) float64 {
	counts := make([][]float64, m+1) // of the last n, by m and then u
	for j := range counts {
		counts[j] = make([]float64, n*m+1)
		counts[j][0] = 1 // n = 0
	}
	for i := 1; i <= n; i++ {
		next := make([][]float64, m+1)
		next[0] = make([]float64, n*m+1)
		next[0][0] = 1
		for j := 1; j <= m; j++ {
			next[j] = slices.Clone(next[j-1])
			for k := j; k <= n*m; k++ {
				next[j][k] += counts[j][k-j]
			}
		}
		counts = next
	}
	all, tail := 0.0, 0.0
	for k, c := range counts[m] {
		all += c
		if k <= u {
			tail += c
		}
	}
	return tail / all
}

// tieTerm is what equal values take off the variance.
func tieTerm(a, b []float64) (term float64) {
	all := slices.Concat(a, b)
	slices.Sort(all)
	n := float64(len(all))
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j] == all[i] {
			j++
		}
		t := float64(j - i)
		term += t * (t*t - 1) / (n * max(n-1, 1))
		i = j
	}
	return term
}
