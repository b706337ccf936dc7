package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gominer/internal/audit"
	"gominer/internal/units"
)

func (p *process) decode(ctx context.Context, o *decodeOptions, args []string) error {
	switch {
	case o.verify && o.follow:
		return usagef("decode: --verify and --follow exclude each other, keep one")
	case o.verify:
		return p.verify(o, args)
	case o.head != audit.Hash{}:
		return usagef("decode: --head goes with --verify FILE")
	}
	kind := ""
	if len(args) > 0 && slices.Contains(decodeKinds(), args[0]) {
		kind, args = args[0], args[1:]
	}
	if len(args) == 1 && args[0] != "-" && guessKind(args[0]) == "" {
		file, err := os.Open(args[0])
		if err == nil {
			defer file.Close()
			return p.decodeFile(ctx, o, kind, file)
		}
		switch {
		case o.follow || !errors.Is(err, fs.ErrNotExist):
			return verbError("decode", err)
		case strings.ContainsAny(args[0], `./\`) && !strings.ContainsAny(args[0], " {["):
			return fmt.Errorf("decode: there is no file %s", args[0])
		case kind == "" && !strings.ContainsAny(args[0], " {["):
			return fmt.Errorf("decode: there is no file %s, and %w", args[0], errForm())
		}
	}
	switch {
	case o.follow:
		return usagef("decode: --follow goes with one FILE")
	case len(args) > 0 && args[0] != "-":
		e, err := o.decoder.decode(kind, strings.Join(args, " "))
		if err != nil {
			return verbError("decode", err)
		}
		return p.explain(e, o.json)
	case p.typed && len(args) == 0:
		return usagef("decode: what? Give it as an argument or on stdin (gominer decode --help)")
	}
	n, err := p.decodeLines(o, kind, p.stdin)
	if err == nil && n == 0 {
		return usagef("decode: stdin is empty")
	}
	return err
}

// completeKinds offers the kinds, and files.
func completeKinds(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return decodeKinds(), cobra.ShellCompDirectiveDefault
}

func (p *process) decodeFile(ctx context.Context, o *decodeOptions, kind string, file *os.File) error {
	var r io.Reader = file
	if o.follow {
		f := &follower{ctx: ctx, path: file.Name(), file: file}
		defer f.close()
		r = f
	}
	n, err := p.decodeLines(o, kind, r)
	switch {
	case o.follow && ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil && n == 0:
		return fmt.Errorf("decode: %s is empty", file.Name())
	}
	return err
}

// mostLine is the longest line that is read, in bytes: one of a recording that
// JSON escapes byte for byte.
const mostLine = 8 << 20

// decodeLines explains every line and returns how many there are, without empty
// ones and comments. One that can't be read does not keep the others from it.
func (p *process) decodeLines(o *decodeOptions, kind string, r io.Reader) (lines int, err error) {
	var first error
	failed := uint64(0)
	in := bufio.NewScanner(r)
	in.Buffer(nil, mostLine)
	for n := 1; in.Scan(); n++ {
		line := strings.TrimSpace(in.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		lines++
		e, err := o.decoder.decode(kind, line)
		if err != nil {
			if failed++; first == nil {
				first = fmt.Errorf("decode: line %d: %w", n, err)
			}
			continue
		}
		if uint64(lines)-failed > 1 && !o.json {
			fmt.Fprintln(p.stdout)
		}
		if err := p.explain(e, o.json); err != nil {
			return lines, err
		}
	}
	switch {
	case errors.Is(in.Err(), bufio.ErrTooLong):
		return lines, fmt.Errorf("decode: a line has more than %d bytes", mostLine)
	case in.Err() != nil:
		return lines, verbError("decode", in.Err())
	case failed > 1:
		return lines, fmt.Errorf("%w; %s could not be read", first, units.Plural(failed-1, "more line"))
	}
	return lines, first
}

// followEvery is how often a file is looked at for more.
const followEvery = 250 * time.Millisecond

// follower reads a file that grows, and what takes its place when it is put
// aside. It ends when ctx does.
type follower struct {
	ctx  context.Context
	path string
	file *os.File
	read int64 // bytes of file
}

func (f *follower) Read(b []byte) (int, error) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		n, err := f.file.Read(b)
		f.read += int64(n)
		if n > 0 || err != nil && err != io.EOF {
			return n, err
		}
		if moved, err := f.moveOn(); moved || err != nil {
			if err != nil {
				return 0, err
			}
			continue
		}
		select {
		case <-f.ctx.Done():
			return 0, io.EOF
		case <-tick.C:
		}
	}
}

// moveOn opens what has taken the file's place, or begins again with a file that
// was cut.
func (f *follower) moveOn() (moved bool, err error) {
	now, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // between two
	}
	old, oldErr := f.file.Stat()
	if err := errors.Join(err, oldErr); err != nil {
		return false, err
	}
	switch {
	case !os.SameFile(now, old):
		next, err := os.Open(f.path)
		if err != nil {
			return false, err
		}
		f.close()
		f.file, f.read = next, 0
		return true, nil
	case now.Size() < f.read:
		f.read = 0
		_, err := f.file.Seek(0, io.SeekStart)
		return true, err
	}
	return false, nil
}

func (f *follower) close() { _ = f.file.Close() } // it was only read
