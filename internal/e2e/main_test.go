package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The programs under test and beside it, built by TestMain.
var gominerPath, btcdPath string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gominer-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	gominerPath, btcdPath = filepath.Join(dir, "gominer"), filepath.Join(dir, "btcd")
	for _, args := range [][]string{
		{"build", "-C", "../..", "-o", gominerPath, "./cmd/gominer"},
		{"build", "-o", btcdPath, "github.com/btcsuite/btcd"},
	} {
		cmd := exec.Command("go", args...)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			fmt.Fprintf(os.Stderr, "go %s: %v\n", strings.Join(args, " "), err)
			return 1
		}
	}
	return m.Run()
}

// cleanEnv is an environment in which nothing of the user's own settings counts.
func cleanEnv(t *testing.T) []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "GOMINER_") && !strings.HasPrefix(e, "XDG_") && !strings.HasPrefix(e, "HOME=") {
			env = append(env, e)
		}
	}
	return append(env, "HOME="+t.TempDir(), "NO_COLOR=1")
}

// result is how a run of gominer ended.
type result struct {
	code           int
	stdout, stderr string
}

// runTimeout is more than any run takes, and less than the patience of a reader.
const runTimeout = time.Minute

// gominer runs the program to its end.
func gominer(t *testing.T, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, gominerPath, args...)
	var stdout, stderr bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = cleanEnv(t), &stdout, &stderr
	err := cmd.Run()
	r := result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		t.Fatalf("gominer %s: %v\n%s", strings.Join(args, " "), err, r.stderr)
	}
	return r
}

// mustMine runs "gominer mine" and fails the test unless it ends well.
func mustMine(t *testing.T, args ...string) {
	t.Helper()
	if r := gominer(t, append([]string{"mine", "--no-tui"}, args...)...); r.code != 0 {
		t.Fatalf("gominer mine %s: exit code %d\n%s", strings.Join(args, " "), r.code, r.stderr)
	}
}

// startGominer runs the program until stop is called or the test ends. It returns
// the first line that the program writes on stdout; stop, the last.
func startGominer(t *testing.T, args ...string) (first string, stop func() (last string)) {
	t.Helper()
	cmd := exec.Command(gominerPath, args...)
	var stderr bytes.Buffer
	cmd.Env, cmd.Stderr = cleanEnv(t), &stderr
	cmd.WaitDelay = 5 * time.Second
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	firstLine := make(chan string, 1)
	lastLine := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(stdout)
		lines.Scan()
		firstLine <- lines.Text()
		last := ""
		for lines.Scan() {
			last = lines.Text()
		}
		lastLine <- last
	}()
	stop = sync.OnceValue(func() string {
		_ = cmd.Process.Signal(os.Interrupt)
		kill := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		last := <-lastLine
		_ = cmd.Wait()
		if !kill.Stop() {
			t.Errorf("gominer %s: had to be killed", strings.Join(args, " "))
		}
		if t.Failed() {
			log := stderr.Bytes()
			t.Logf("gominer %s, at the end:\n%s", strings.Join(args, " "), log[max(0, len(log)-4000):])
		}
		return last
	})
	t.Cleanup(func() { stop() })
	select {
	case first = <-firstLine:
	case <-time.After(runTimeout):
	}
	if first == "" {
		t.Fatalf("gominer %s wrote no line", strings.Join(args, " "))
	}
	return first, stop
}
