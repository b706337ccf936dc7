package tui

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"gominer/internal/units"
	"gominer/miner"
)

// Lines is the dashboard for who has no use of a screen, such as a screen reader:
// it answers each line that it reads with some lines, and writes nothing unasked.
// What is read are Run's keys; a number behind one, as in "p 2", means a device or
// a pool. It ends as Run does; the terminal is never changed. What is read last
// may be lost if ctx ends.
func Lines(ctx context.Context, cfg Config) error {
	in, out := cfg.Input, cfg.Output
	if in == nil {
		in = os.Stdin
	}
	if out == nil {
		out = os.Stdout
	}
	m := newModel(&cfg, time.Now())
	read := make(chan string)
	go func() { // until in ends: a read can't be called back
		defer close(read)
		for s := bufio.NewScanner(in); s.Scan(); {
			select {
			case read <- s.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	for m.end == nil {
		select {
		case <-ctx.Done():
			return nil
		case asked, ok := <-read:
			if !ok {
				return fmt.Errorf("nobody asks any more: %w", errLost)
			}
			m.take(time.Now())
			if _, err := io.WriteString(out, strings.Join(append(m.answer(asked), ""), "\n")); err != nil {
				return err
			}
		}
	}
	return m.end
}

// answer does what a line asks for and says what came of it, in lines without
// anything that a terminal would obey.
func (m *model) answer(asked string) []string {
	lines := m.reply(asked)
	for i, l := range lines {
		lines[i] = Clean(l)
	}
	return lines
}

func (m *model) reply(asked string) []string {
	word, rest, _ := strings.Cut(strings.TrimSpace(asked), " ")
	if m.asking {
		m.press(typedKey(word))
		return []string{onOff(m.end != nil, "mining ends", "mining goes on")}
	}
	if rest != "" {
		if !m.point(word, rest) {
			return []string{"there is no such thing: " + asked}
		}
	}
	switch word {
	case "":
		return m.inShort()
	case "?", "h", "help":
		return linesHelp()
	case "q":
		m.asking = true
		return []string{"Stop mining? y means yes, anything else no."}
	case "a":
		return said(m.pauseAll())
	case "1", "2", "3", "4", "5":
		m.page = page(word[0] - '1')
		return m.pageInLines()
	case "p", "+", "-", "<", ">":
		return said(m.act(typedKey(word)))
	case "s":
		m.page = pools
		return said(m.act(typedKey(word)))
	}
	return []string{"not known: " + word + "; ? lists what is"}
}

// said runs a command and returns what it has to say.
func said(cmd tea.Cmd) []string {
	if cmd == nil {
		return []string{cantBeDone}
	}
	note, _ := cmd().(noteMsg)
	return []string{string(note)}
}

// point selects the device or pool of a number, from 1.
func (m *model) point(word, number string) bool {
	n, err := strconv.Atoi(number)
	switch {
	case err != nil || n < 1:
		return false
	case word == "s":
		m.row[pools] = n - 1
		return n <= len(m.snap.Sources)
	}
	m.chosen = n - 1
	return m.device() == m.chosen
}

func typedKey(word string) tea.KeyPressMsg {
	for _, r := range word {
		return tea.KeyPressMsg{Code: r, Text: word}
	}
	return tea.KeyPressMsg{}
}

func linesHelp() []string {
	lines := []string{"Each is followed by enter."}
	for i, name := range pageNames {
		lines = append(lines, fmt.Sprintf("%d: %s", i+1, strings.ToLower(name)))
	}
	return append(lines, "nothing: in short", "a: pause all devices, or go on", "p N: pause device N, or go on",
		"+ N or - N: a thread more or less for device N", "> N or < N: device N works more or less of the time",
		"s N: mine on pool N", "q: quit", "?: this")
}

// inShort says the most important.
func (m *model) inShort() []string {
	s := &m.snap
	state, where := m.standing()
	line := fmt.Sprintf("%s, %s %s, %s accepted, %s rejected", units.Hashrate(s.Rate.S10), state.word, where,
		units.Count(s.Shares.Accepted), units.Count(s.Shares.Rejected))
	if n := s.Shares.Blocks; n > 0 {
		line += ", " + units.Plural(n, "block")
	}
	return []string{line}
}

// pageInLines says what a page shows.
func (m *model) pageInLines() []string {
	s := &m.snap
	switch m.page {
	case devices:
		var lines []string
		for i := range s.Devices {
			lines = append(lines, m.deviceInLines(i)...)
		}
		return lines
	case shares:
		return m.sharesInLines()
	case pools:
		var lines []string
		for i := range s.Sources {
			r := &s.Sources[i]
			lines = append(lines, fmt.Sprintf("pool %d: %s, %s, %s accepted, %s rejected", i+1, r.Name, m.sourceState(r).word,
				units.Count(r.Shares.Accepted), units.Count(r.Shares.Rejected)))
			lines = append(lines, inLines(m.sourceLines(r))...)
		}
		if s.Job != nil {
			lines = append(append(lines, "job"), inLines(m.jobLines(s.Job))...)
		}
		for i := range s.Messages {
			lines = append(lines, fmt.Sprintf("message at %s of %s: %s", m.clock(s.Messages[i].Came), s.Messages[i].Source, s.Messages[i].Text))
		}
		return lines
	case logPage:
		if m.cfg.Log == nil {
			return []string{"there is no log"}
		}
		var lines []string
		for _, l := range m.cfg.Log.latest(20, newest, m.wanted()) {
			lines = append(lines, m.clock(l.at)+" "+levelName(l.level)+" "+l.text)
		}
		return lines
	}
	counts, rest := m.totals(true)
	lines := append(m.inShort(), fmt.Sprintf("1 minute: %s, 15 minutes: %s, average: %s", units.Hashrate(s.Rate.S60),
		units.Hashrate(s.Rate.M15), units.Hashrate(s.Rate.Avg)))
	for _, l := range counts {
		lines = append(lines, strings.TrimSpace(l.name+": "+units.Count(l.count)+"  "+l.note))
	}
	return append(append(lines, inLines(rest)...), "up: "+units.Span(s.Elapsed.Truncate(time.Second)))
}

func (m *model) deviceInLines(i int) []string {
	d := &m.snap.Devices[i]
	if d.Gone {
		return nil
	}
	t := &d.Shares
	lines := []string{fmt.Sprintf("device %d: %s, %s, %s, %s of all, %s accepted, %s rejected, %s hardware errors", i+1, d.Info.Name,
		deviceState(d).word, units.Hashrate(d.Rate.S10), percent(d.Rate.S60, m.snap.Rate.S60), units.Count(t.Accepted),
		units.Count(t.Rejected), units.Count(t.HardwareErrors))}
	if d.Err != nil {
		lines = append(lines, "error: "+d.Err.Error())
	}
	lines = append(lines, inLines(deviceLines(d))...)
	for n, r := range d.ThreadRates {
		lines = append(lines, fmt.Sprintf("thread %d: %s", n, units.Hashrate(r)))
	}
	for n := range d.Health.Chips {
		text, _ := chipsInShort(d.Health.Chips[n : n+1])
		lines = append(lines, fmt.Sprintf("chip %d: %s", n, text))
	}
	return lines
}

func (m *model) sharesInLines() []string {
	s := &m.snap
	var lines []string
	for _, r := range sortedReasons(s.Reasons) {
		lines = append(lines, fmt.Sprintf("rejected %s times: %s", units.Count(s.Reasons[r]), r))
	}
	for i := range s.Blocks {
		b := &s.Blocks[i]
		lines = append(lines, fmt.Sprintf("block %s at %s: %s", units.Count(uint64(b.Height)), m.clock(b.Found), blockOutcome(b)))
	}
	for _, o := range s.Recent[max(len(s.Recent)-10, 0):] {
		line := fmt.Sprintf("share at %s: %s, difficulty %s, after %s, by %s", m.clock(o.Share.Found), o.Result(),
			units.Difficulty(o.Share.Hash.Difficulty()), units.Milliseconds(ms(o.After)), m.deviceName(o.Share.Device))
		if o.Err != nil {
			line += ": " + o.Err.Error()
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return []string{"no share yet"}
	}
	return lines
}

func blockOutcome(b *miner.BlockFound) string {
	if b.Err != nil {
		return b.Err.Error()
	}
	return "accepted, " + b.Hash.String()
}

// inLines writes pairs without the signs that only eyes can use.
func inLines(pairs []pair) []string {
	lines := make([]string, len(pairs))
	for i, p := range pairs {
		value := strings.NewReplacer("↑", "since it rose", "↓", "since it fell", "–", "unknown", "~", "about ").Replace(p.value)
		lines[i] = p.name + ": " + value
	}
	return lines
}
