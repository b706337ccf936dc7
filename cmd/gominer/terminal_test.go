//go:build unix

package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gominer/hasher"
	"gominer/stratum/pool"
)

// patience is how long a terminal may take to show something, and a pool to see
// it: this much only on a machine that is busy with other things.
const patience = 2 * time.Minute

// terminal is a real one, of tmux, with a shell in it.
type terminal struct {
	t   *testing.T
	dir string // of the socket and of what the shell writes
}

// newTerminal opens a terminal of w × h in a folder where "gominer" is this
// program.
func newTerminal(t *testing.T, w, h int) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("GOMINER_CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("", "gominer") // t.TempDir's names are too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, filepath.Join(dir, "gominer"))
	}
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{t, dir}
	t.Cleanup(func() {
		_ = x.command("kill-server").Run()
		os.RemoveAll(dir)
	})
	x.tmux("new-session", "-d", "-x", strconv.Itoa(w), "-y", strconv.Itoa(h), "-c", dir,
		"env", "-i", "TERM=screen-256color", "LC_ALL=C.UTF-8", "PS1=ready> ", "PATH="+dir+":"+os.Getenv("PATH"), "HOME="+dir, "sh", "-i")
	x.await(`(?m)^ready>`)
	return x
}

func (x *terminal) command(args ...string) *exec.Cmd {
	cmd := exec.Command("tmux", append([]string{"-S", filepath.Join(x.dir, "tmux"), "-f", "/dev/null", "-u"}, args...)...)
	cmd.Env = append(os.Environ(), "TMUX=", "LC_ALL=C.UTF-8")
	return cmd
}

func (x *terminal) tmux(args ...string) string {
	x.t.Helper()
	out, err := x.command(args...).CombinedOutput()
	if err != nil {
		x.t.Fatalf("tmux %s: %v\n%s", args, err, out)
	}
	return string(out)
}

func (x *terminal) screen() string {
	x.t.Helper()
	return x.tmux("capture-pane", "-p")
}

// press presses keys, as tmux names them.
func (x *terminal) press(keys ...string) {
	x.t.Helper()
	x.tmux(append([]string{"send-keys"}, keys...)...)
}

// enter types a line for the shell.
func (x *terminal) enter(line string) {
	x.t.Helper()
	x.tmux("send-keys", "-l", line)
	x.press("Enter")
}

// await waits until the screen matches.
func (x *terminal) await(expression string) {
	x.t.Helper()
	re := regexp.MustCompile(expression)
	x.until("the screen shows "+expression, func() bool { return re.MatchString(x.screen()) })
}

// until waits until f is true; what says what for.
func (x *terminal) until(what string, f func() bool) {
	x.t.Helper()
	if !waited(f) {
		x.t.Fatalf("waited too long until %s:\n%s", what, x.screen())
	}
}

// waited reports whether f became true.
func waited(f func() bool) bool {
	look, end := time.NewTicker(20*time.Millisecond), time.After(patience)
	defer look.Stop()
	for !f() {
		select {
		case <-look.C:
		case <-end:
			return false
		}
	}
	return true
}

// modes are those of the terminal that a program can leave behind.
func (x *terminal) modes() string {
	return x.tmux("display-message", "-p", "alternate #{alternate_on} cursor #{cursor_flag} insert #{insert_flag} "+
		"keypad #{keypad_cursor_flag} #{keypad_flag} mouse #{mouse_any_flag} #{mouse_sgr_flag} origin #{origin_flag} wrap #{wrap_flag}")
}

// settings returns what stty says.
func (x *terminal) settings(name string) string {
	x.t.Helper()
	x.enter("stty -a >" + name + "; echo $? >" + name + ".done")
	x.until("stty is done", func() bool {
		done, _ := os.ReadFile(filepath.Join(x.dir, name+".done"))
		return len(done) > 0
	})
	out, err := os.ReadFile(filepath.Join(x.dir, name))
	if err != nil {
		x.t.Fatal(err)
	}
	return string(out)
}

// serve runs a pool on l, on whose chain a block has about the difficulty given,
// until stop is called.
func serve(t *testing.T, l net.Listener, difficulty float64) (p *pool.Pool, stop func()) {
	t.Helper()
	target, err := hasher.TargetFromDifficulty(difficulty)
	if err != nil {
		t.Fatal(err)
	}
	chain := pool.NewSimulated()
	chain.Bits = target.Bits()
	cfg := pool.DefaultConfig()
	cfg.Source, cfg.Difficulty = chain, 0.0005
	if p, err = pool.New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = p.Run(ctx) })
	wg.Go(func() { _ = p.Serve(ctx, l) })
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return p, stop
}

// listen listens on an address, which somebody may have for a moment.
func listen(t *testing.T, address string) (l net.Listener) {
	t.Helper()
	var err error
	if !waited(func() bool { l, err = net.Listen("tcp", address); return err == nil }) {
		t.Fatal(err)
	}
	return l
}

// The dashboard as a person uses it: pages, sizes, pause, ctrl-z, a pool that
// goes and comes back, a block, the end; the terminal is as it was before.
func TestTerminal(t *testing.T) {
	t.Parallel()
	host := "127.0.0.1:0"
	if runtime.GOOS == "linux" {
		host = "127.0.0.77:0" // where nobody else takes the port in the meantime
	}
	l := listen(t, host)
	address := l.Addr().String()
	_, stop := serve(t, l, 1e6) // no block for now

	x := newTerminal(t, 80, 24)
	x.enter("echo this was before")
	x.await(`(?m)^this was before`)
	settings, modes := x.settings("before"), x.modes()
	x.enter("gominer mine -o " + address + " -u test -t 1 --throttle 50% --until time=20m")
	x.await(`▐1 Overview▌(?s:.*)● mining ` + address + `(?s:.*)accepted +[1-9]`)

	for _, page := range []struct{ key, shows string }{
		{"2", `▐2 Devices▌(?s:.*)▸ cpu +● mining`},
		{"t", `(?m) 0 ━+`},
		{"3", `▐3 Shares▌(?s:.*)▸ \d\d:\d\d:\d\d  ✓ accepted(?s:.*)Rejected for`},
		{"4", `▐4 Pools▌(?s:.*)Messages from pools`},
		{"5", `▐5 Log▌(?s:.*)share accepted`},
		{"?", `─ Keys ─(?s:.*)pause device`},
		{"Escape", `▐5 Log▌(?s:.*)share accepted`},
		{"1", `▐1 Overview▌(?s:.*)─ Hash rate ─`},
	} {
		x.press(page.key)
		x.await(page.shows)
	}

	x.tmux("resize-window", "-x", "120", "-y", "40")
	x.await(`▀(?s:.*)─ Job ─(?s:.*)─ Log ─`) // large figures
	x.tmux("resize-window", "-x", "24", "-y", "6")
	x.await(`(?m)\A.*H/s  ● mining\n✓ `)
	x.tmux("resize-window", "-x", "80", "-y", "24")
	x.await(`▐1 Overview▌(?s:.*)zoom(?s:.*)q quit`)

	x.press("Space")
	x.await(`‖ paused`)
	x.press("Space")
	x.await(`● mining ` + address)

	x.press("C-z")
	x.await(`Stopped`)
	if now := x.modes(); now != modes {
		t.Errorf("suspended, the terminal has %s; before, %s", now, modes)
	}
	x.enter("fg")
	x.await(`▐1 Overview▌(?s:.*)● mining ` + address)

	stop()
	x.await(`✗ down`)
	serve(t, listen(t, address), 0.002)
	x.await(`BLOCK [\d ]+ FOUND`)
	x.await(`● mining ` + address)

	x.press("q")
	x.await(`Stop mining\?`)
	x.press("n")
	x.until("it does not stop", func() bool { return !strings.Contains(x.screen(), "Stop mining?") })
	x.press("q", "y")
	x.await(`(?m)^shares: [\d ]+ accepted(?s:.*)^blocks found: [\d ]+\nready>`)
	x.enter("echo code $?")
	x.await(`(?m)^code 0`)
	x.await(`this was before`)
	if now := x.modes(); now != modes {
		t.Errorf("the terminal has %s; before, %s", now, modes)
	}
	if now := x.settings("after"); now != settings {
		t.Errorf("stty says\n%s\nbefore,\n%s", now, settings)
	}
}

// In lines it answers what is typed, on a terminal that can do nothing else too, and
// writes over nothing.
func TestPlainTerminal(t *testing.T) {
	t.Parallel()
	l := listen(t, "127.0.0.1:0")
	serve(t, l, 1e6)
	x := newTerminal(t, 100, 40)
	modes := x.modes()
	x.enter("TERM=dumb gominer mine -o " + l.Addr().String() + " -u test -t 1 --throttle 50% --until time=20m --plain 2>log")
	x.until("it mines", func() bool {
		log, _ := os.ReadFile(filepath.Join(x.dir, "log"))
		return strings.Contains(string(log), "share accepted")
	})
	if now := x.modes(); now != modes {
		t.Errorf("the terminal has %s; before, %s", now, modes)
	}
	x.enter("1")
	x.await(`(?m)^[0-9.]+ [kMG]?H/s, mining ` + l.Addr().String() + `, [\d ]+ accepted, 0 rejected\n1 minute: `)
	x.enter("q")
	x.await(`(?m)^Stop mining\? y means yes`)
	x.enter("y")
	x.await(`(?m)^mining ends\n(?s:.*)^shares: [\d ]+ accepted(?s:.*)\nready>`)
}

// Without its terminal the miner mines on.
func TestLostTerminal(t *testing.T) {
	t.Parallel()
	l := listen(t, "127.0.0.1:0")
	p, _ := serve(t, l, 1e6)
	x := newTerminal(t, 80, 24)
	x.enter("sh -c 'echo $$ >pid; exec gominer mine -o " + l.Addr().String() + " -u test -t 1 --throttle 50% --until time=20m 2>errors'")
	x.await(`● mining(?s:.*)accepted +[1-9]`)
	text, err := os.ReadFile(filepath.Join(x.dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGKILL)

	x.tmux("kill-server")
	said := func() string {
		text, _ := os.ReadFile(filepath.Join(x.dir, "errors"))
		return string(text)
	}
	await := func(what string, f func() bool) {
		t.Helper()
		if !waited(f) {
			t.Fatalf("waited too long until %s; it said:\n%s", what, said())
		}
	}
	await("the miner notices", func() bool { return strings.Contains(said(), "the terminal is gone") })
	before := p.Stats().Total.Accepted
	await("shares come", func() bool { return p.Stats().Total.Accepted > before+2 })
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	await("it ends", func() bool { return len(p.Stats().Conns) == 0 })
}
