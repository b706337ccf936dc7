package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gominer/hasher"
	"gominer/hasher/cpu"
	"gominer/miner"
)

const untilForm = "want shares=N, blocks=N or time=D, such as shares=20 or time=10m"

// addUntil adds a limit to u: "shares=20", "blocks=1", "time=10m", or several of
// them with commas between.
func addUntil(u *miner.Until, s string) error {
	for part := range strings.SplitSeq(s, ",") {
		what, limit, found := strings.Cut(strings.TrimSpace(part), "=")
		if !found {
			return errors.New(untilForm)
		}
		var err error
		switch what {
		case "shares", "share":
			u.Shares, err = positive(limit)
		case "blocks", "block":
			u.Blocks, err = positive(limit)
		case "time":
			u.Time, err = time.ParseDuration(limit)
			if err == nil && u.Time <= 0 {
				err = errors.New("not above 0")
			}
		default:
			return fmt.Errorf("%s%s", untilForm, didYouMean(what, []string{"shares", "blocks", "time"}))
		}
		if err != nil {
			return fmt.Errorf("%q is no limit: %s", limit, untilForm)
		}
	}
	return nil
}

func positive(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err == nil && n == 0 {
		err = strconv.ErrRange
	}
	return n, err
}

var rateForm = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)\s*([kKMGT]?)(?:[hH](?:/s)?)?$`)

// parseThrottle reads "50%" or a hash rate such as "2MH/s".
func parseThrottle(s string) (t cpu.Throttle, err error) {
	const form = "want a share of the time such as 50%, or a hash rate such as 2MH/s"
	if percent, found := strings.CutSuffix(strings.TrimSpace(s), "%"); found {
		t.Percent, err = strconv.ParseFloat(percent, 64)
		if err != nil || !(t.Percent > 0 && t.Percent <= 100) {
			return cpu.Throttle{}, errors.New(form)
		}
		return t, nil
	}
	m := rateForm.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return t, errors.New(form)
	}
	t.Rate, err = strconv.ParseFloat(m[1], 64)
	if err == nil && m[1] == strings.TrimSpace(s) && t.Rate > 0 && t.Rate <= 100 { // as many hashes a second nobody wants
		return cpu.Throttle{}, fmt.Errorf("did you mean %s%%? A hash rate has a unit: %[1]sH/s", m[1])
	}
	for range map[string]int{"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}[m[2]] {
		t.Rate *= 1000
	}
	if err != nil || t.Rate <= 0 {
		return cpu.Throttle{}, errors.New(form)
	}
	return t, nil
}

// parseRate reads a hash rate such as "2MH/s", in H/s.
func parseRate(s string) (float64, error) {
	t, err := parseThrottle(s)
	if err != nil || t.Rate == 0 {
		return 0, errors.New("want a hash rate such as 2MH/s")
	}
	return t.Rate, nil
}

// checkDifficulty refuses what is no difficulty; 0 stands for the default.
func checkDifficulty(flag string, d float64) error {
	if d == 0 {
		return nil
	}
	if _, err := hasher.TargetFromDifficulty(d); err != nil {
		return usagef("--%s: %w", flag, err)
	}
	return nil
}

// parseMask reads a version mask: at most 8 hex digits.
func parseMask(s string) (uint32, error) {
	digits := strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X")
	n, err := strconv.ParseUint(digits, 16, 32)
	if err != nil {
		return 0, errors.New("want at most 8 hex digits, such as 1fffe000")
	}
	return uint32(n), nil
}

// choices are the words that a flag takes, and what each stands for.
type choices[T any] []struct {
	word string
	is   T
}

func (c choices[T]) words() []string {
	words := make([]string, len(c))
	for i := range c {
		words[i] = c[i].word
	}
	return words
}

// list names the words for a help text: "a, b or c".
func (c choices[T]) list() string {
	words := c.words()
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func (c choices[T]) parse(s string) (value T, err error) {
	for i := range c {
		if strings.EqualFold(c[i].word, s) {
			return c[i].is, nil
		}
	}
	return value, fmt.Errorf("want %s%s", c.list(), didYouMean(s, c.words()))
}
