package main

import (
	"fmt"
	"strings"
)

// ins is one instruction in the Go assembler's order, destination last, or a
// label. An argument that begins with % is a virtual register.
type ins struct {
	op   string
	args []string
}

// code is a list of instructions under construction.
type code struct {
	list []ins
	name string // prefix of its virtual registers
	n    int
}

// virtual returns the virtual register of an argument without its arrangement,
// the .S4 of arm64, or "".
func virtual(arg string) string {
	if !strings.HasPrefix(arg, "%") {
		return ""
	}
	name, _, _ := strings.Cut(arg, ".")
	return name
}

func (c *code) reg() string {
	c.n++
	return fmt.Sprintf("%%%s%d", c.name, c.n)
}

func (c *code) emit(op string, args ...string) { c.list = append(c.list, ins{op, args}) }

func (c *code) label(name string) { c.emit(name + ":") }

// take returns what was emitted so far and empties the list.
func (c *code) take() []ins {
	l := c.list
	c.list = nil
	return l
}

// interleave merges independent instruction streams, each spread evenly over
// the whole.
func interleave(streams ...[]ins) []ins { return weave(1000, streams...) }

// weave is interleave within a number of registers: a stream whose next
// instruction would need one more waits for the others.
func weave(registers int, streams ...[]ins) []ins {
	total := 0
	last := map[string]int{} // in its own stream
	for _, s := range streams {
		total += len(s)
		for i, in := range s {
			for _, a := range in.args {
				last[virtual(a)] = i
			}
		}
	}
	out := make([]ins, 0, total)
	next := make([]int, len(streams))
	live := map[string]bool{}
	for len(out) < total {
		pick, least := -1, 2.0
		for i, s := range streams {
			if next[i] == len(s) {
				continue
			}
			if done := float64(next[i]) / float64(len(s)); done < least && (len(live) < registers || needs(s[next[i]], next[i], live, last) <= 0) {
				pick, least = i, done
			}
		}
		if pick < 0 {
			panic("the streams do not fit into the registers together")
		}
		i := next[pick]
		in := streams[pick][i]
		for _, a := range in.args {
			if v := virtual(a); v != "" {
				if live[v] = true; last[v] == i {
					delete(live, v)
				}
			}
		}
		out = append(out, in)
		next[pick]++
	}
	return out
}

// needs returns how many registers more are live after in, the ith of its
// stream.
func needs(in ins, i int, live map[string]bool, last map[string]int) int {
	n := 0
	for _, a := range in.args {
		switch v := virtual(a); {
		case v == "":
		case !live[v]:
			n++
		case last[v] == i:
			n--
		}
	}
	return n
}

// allocate replaces virtual registers by those of pool, each for as long as it
// is read. It panics if the pool is too small: the plan of a kernel is wrong.
func allocate(list []ins, pool []string) []ins {
	last := map[string]int{}
	for i, in := range list {
		for _, a := range in.args {
			last[virtual(a)] = i
		}
	}
	free := append([]string(nil), pool...)
	where := map[string]string{}
	out := make([]ins, len(list))
	for i, in := range list {
		args := append([]string(nil), in.args...)
		var dead []string
		for j, a := range in.args {
			v := virtual(a)
			if v == "" {
				continue
			}
			r, ok := where[v]
			if !ok {
				if j != len(in.args)-1 {
					panic(fmt.Sprintf("%s %v reads %s before it is written", in.op, in.args, a))
				}
				free = append(free, dead...)
				dead = nil
				if len(free) == 0 {
					panic(fmt.Sprintf("instruction %d, %s %v: out of registers, %d are live", i, in.op, in.args, len(where)))
				}
				r, free = free[0], free[1:]
				where[v] = r
			}
			args[j] = r + a[len(v):]
			if last[v] == i {
				if _, ok := where[v]; ok {
					dead = append(dead, r)
					delete(where, v)
				}
			}
		}
		free = append(free, dead...)
		out[i] = ins{in.op, args}
	}
	return out
}

// text writes instructions as the assembler reads them.
func text(list []ins) string {
	var b strings.Builder
	for _, in := range list {
		switch {
		case strings.HasSuffix(in.op, ":"):
			fmt.Fprintf(&b, "%s\n", in.op)
		case len(in.args) == 0:
			fmt.Fprintf(&b, "\t%s\n", in.op)
		default:
			fmt.Fprintf(&b, "\t%s %s\n", in.op, strings.Join(in.args, ", "))
		}
	}
	return b.String()
}
func (c *code) body() *code { return c }
