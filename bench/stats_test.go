package bench

import (
	"math"
	"testing"
)

func TestMedianAndQuantile(t *testing.T) {
	for _, tt := range []struct {
		v    []float64
		want float64
	}{
		{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1}, 5}, {[]float64{5, 1, 9}, 5}, {[]float64{4, 1, 3, 2}, 2.5},
	} {
		if got := median(tt.v); got != tt.want {
			t.Errorf("median(%v) = %v, want %v", tt.v, got, tt.want)
		}
	}
	v := make([]float64, 200) // 1 … 200
	for i := range v {
		v[i] = float64(i + 1)
	}
	for q, want := range map[float64]float64{0: 1, 0.5: 100, 0.99: 198, 0.991: 199, 1: 200} {
		if got := quantile(v, q); got != want {
			t.Errorf("quantile %v = %v, want %v", q, got, want)
		}
	}
	if got := spread([]float64{90, 100, 115}); got != 0.25 {
		t.Errorf("spread = %v, want 0.25", got)
	}
}

// orders calls f with every way to deal 1 … n+m to two sides.
func orders(n, m int, f func(a, b []float64)) {
	for bits := range 1 << (n + m) {
		var a, b []float64
		for i := range n + m {
			if bits>>i&1 != 0 {
				a = append(a, float64(i+1))
			} else {
				b = append(b, float64(i+1))
			}
		}
		if len(a) == n {
			f(a, b)
		}
	}
}

// statistic counts the pairs in which a's value is the larger.
func statistic(a, b []float64) (u int) {
	for _, x := range a {
		for _, y := range b {
			if x > y {
				u++
			}
		}
	}
	return u
}

// TestRankTest holds the exact distribution to one that is counted out.
func TestRankTest(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {2, 3}, {4, 4}, {5, 5}, {3, 7}} {
		n, m := size[0], size[1]
		all := 0.0
		byU := make([]float64, n*m+1)
		orders(n, m, func(a, b []float64) { all++; byU[statistic(a, b)]++ })
		orders(n, m, func(a, b []float64) {
			tail := 0.0
			u := statistic(a, b)
			for k := range min(u, n*m-u) + 1 {
				tail += byU[k]
			}
			want := min(1, 2*tail/all)
			if got := rankTest(a, b); math.Abs(got-want) > 1e-12 {
				t.Fatalf("rankTest(%v, %v) = %v, want %v", a, b, got, want)
			}
		})
	}
	apart := func(n int) (a, b []float64) {
		for i := range n {
			a, b = append(a, float64(i)), append(b, float64(100+i))
		}
		return a, b
	}
	a, b := apart(testRuns)
	if p := rankTest(a, b); p >= significance {
		t.Errorf("%d runs a side, all apart: p = %v, want below %v", testRuns, p, significance)
	}
	if a, b = apart(testRuns - 1); rankTest(a, b) < significance {
		t.Errorf("%d runs a side can be significant: testRuns is too large", testRuns-1)
	}
}

// TestRankTestApproximately checks the normal distribution, for ties and large
// samples, against the exact one.
func TestRankTestApproximately(t *testing.T) {
	same := []float64{5, 5, 5, 5, 5}
	if p := rankTest(same, same); p != 1 {
		t.Errorf("equal values: p = %v, want 1", p)
	}
	if p := rankTest(nil, same); p != 1 {
		t.Errorf("no values: p = %v, want 1", p)
	}
	var a, b []float64
	for i := range exactMost {
		a, b = append(a, float64(2*i)), append(b, float64(2*i+9))
	}
	exact := rankTest(a, b)
	b[0] = a[4] // 8; it was 9, below 10: one tie hardly moves p
	if p := rankTest(a, b); math.Abs(p-exact) > 0.02 || p == exact {
		t.Errorf("with a tie p = %v, without %v", p, exact)
	}
	if p, q := rankTest(a, b), rankTest(b, a); p != q {
		t.Errorf("p = %v one way and %v the other", p, q)
	}
}
