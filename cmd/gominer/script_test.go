package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"gominer/hasher/opencl"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gominer": main})
}

// TestScripts runs the stories of testdata/script, each in a directory of its
// own. Besides testscript's commands they have:
//
//	start NAME PROGRAM ARG...     runs a program in the background
//	await NAME out|err RE [VAR]   waits for a line of its stdout or stderr that
//	                              matches, and puts the first group into VAR
//	signal NAME INT|TERM|HUP          sends it a signal
//	finish NAME CODE              waits for its end; stdout and stderr hold what
//	                              it wrote from then on
//	hangup NAME                   closes the pipe that its stdout goes into
//	lastline RE                   the last line of stdout matches
//	certificates                  makes certificates, see makeCertificates
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[programsKey{}] = &programs{byName: make(map[string]*program)}
			env.Setenv("GOMINER_LOG_FORMAT", "text") // which stories are easier to read with
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "opencl" && name != "pocl" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			found, err := opencl.Devices()
			if name == "pocl" {
				return len(found) == 1 && found[0].Platform == "Portable Computing Language", nil
			}
			if len(found) == 0 && os.Getenv("GOMINER_CI") != "" {
				return false, fmt.Errorf("no OpenCL device: %w", err)
			}
			return len(found) > 0, nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"start":    startProgram,
			"await":    awaitLine,
			"signal":   signalProgram,
			"finish":   finishProgram,
			"hangup":   hangUp,
			"lastline": lastLine,

			"certificates": makeCertificates,
		},
	})
}

type programsKey struct{}

type programs struct{ byName map[string]*program }

// program is one that runs in the background of a script.
type program struct {
	cmd      *exec.Cmd
	out, err *lines
	ended    chan struct{}
}

// lines collects what a program writes.
type lines struct {
	pipe *os.File // our end
	mu   sync.Mutex
	more *sync.Cond
	text []string
	done bool
	seen int // lines that await has gone past
}

func newLines() (l *lines, theirs *os.File, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	l = &lines{pipe: r}
	l.more = sync.NewCond(&l.mu)
	return l, w, nil
}

func (l *lines) read() {
	r := bufio.NewReader(l.pipe)
	for {
		line, err := r.ReadString('\n')
		l.mu.Lock()
		if line != "" {
			l.text = append(l.text, line)
		}
		l.done = err != nil
		l.more.Broadcast()
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// await returns the groups of the first line not seen before that matches.
func (l *lines) await(re *regexp.Regexp) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for l.seen < len(l.text) {
			l.seen++
			if m := re.FindStringSubmatch(strings.TrimRight(l.text[l.seen-1], "\n")); m != nil {
				return m, nil
			}
		}
		if l.done {
			return nil, fmt.Errorf("it ended without a line that matches %q; it wrote:\n%s", re, strings.Join(l.text, ""))
		}
		l.more.Wait()
	}
}

func (l *lines) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.text, "")
}

// limit ends a program that hangs, so that the test fails rather than stays.
const limit = 3 * time.Minute

func startProgram(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME PROGRAM ARG...")
	}
	p := &program{ended: make(chan struct{})}
	var outPipe, errPipe *os.File
	var err error
	p.out, outPipe, err = newLines()
	ts.Check(err)
	p.err, errPipe, err = newLines()
	ts.Check(err)
	path, err := exec.LookPath(filepath.Join(binDir(ts), args[1]))
	ts.Check(err)
	p.cmd = exec.Command(path, args[2:]...)
	p.cmd.Dir = ts.MkAbs(".")
	p.cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "GOMINER_LOG_FORMAT=" + ts.Getenv("GOMINER_LOG_FORMAT")}
	p.cmd.Stdout, p.cmd.Stderr = outPipe, errPipe
	ts.Check(p.cmd.Start())
	outPipe.Close()
	errPipe.Close()
	var readers sync.WaitGroup
	readers.Go(p.out.read)
	readers.Go(p.err.read)
	kill := time.AfterFunc(limit, func() { _ = p.cmd.Process.Kill() })
	go func() {
		readers.Wait()
		_ = p.cmd.Wait()
		kill.Stop()
		close(p.ended)
	}()
	ts.Defer(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		p.out.pipe.Close()
		p.err.pipe.Close()
	})
	ts.Value(programsKey{}).(*programs).byName[args[0]] = p
}

// binDir is where testscript puts the programs of Main.
func binDir(ts *testscript.TestScript) string {
	dir, _, _ := strings.Cut(ts.Getenv("PATH"), string(os.PathListSeparator))
	return dir
}

func named(ts *testscript.TestScript, name string) *program {
	p := ts.Value(programsKey{}).(*programs).byName[name]
	if p == nil {
		ts.Fatalf("no program %q was started", name)
	}
	return p
}

func awaitLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args) > 4 || args[1] != "out" && args[1] != "err" {
		ts.Fatalf("usage: await NAME out|err RE [VAR]")
	}
	p := named(ts, args[0])
	l := p.out
	if args[1] == "err" {
		l = p.err
	}
	re, err := regexp.Compile(args[2])
	ts.Check(err)
	m, err := l.await(re)
	if err != nil {
		ts.Fatalf("%s: %v\nits stderr:\n%s", args[0], err, p.err.all())
	}
	if len(args) == 4 {
		ts.Setenv(args[3], m[1])
	}
}

func signalProgram(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP}
	if neg || len(args) != 2 || signals[args[1]] == nil {
		ts.Fatalf("usage: signal NAME INT|TERM|HUP")
	}
	ts.Check(named(ts, args[0]).cmd.Process.Signal(signals[args[1]]))
}

func finishProgram(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: finish NAME CODE")
	}
	p := named(ts, args[0])
	<-p.ended
	if got := fmt.Sprint(p.cmd.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("%s ended with code %s, want %s\nstdout:\n%s\nstderr:\n%s", args[0], got, args[1], p.out.all(), p.err.all())
	}
	_, err := io.WriteString(ts.Stdout(), p.out.all())
	ts.Check(err)
	_, err = io.WriteString(ts.Stderr(), p.err.all())
	ts.Check(err)
}

func hangUp(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hangup NAME")
	}
	ts.Check(named(ts, args[0]).out.pipe.Close())
}

func lastLine(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: lastline RE")
	}
	text := strings.TrimRight(ts.ReadFile("stdout"), "\n")
	last := text[strings.LastIndexByte(text, '\n')+1:]
	if regexp.MustCompile(args[0]).MatchString(last) == neg {
		ts.Fatalf("the last line of stdout is\n%s\nwhich does not go with %q", last, args[0])
	}
}
