package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// disk is the file below. After open it is owned by run.
type disk struct {
	file     *os.File
	regular  bool  // it can be cut, renamed and read back
	size     int64 // of a regular file, bytes
	torn     bool  // a part of a line stands at the end
	unsynced bool
	missing  uint64 // lines that the file has yet to say it lacks
	buf      []byte
	closeErr error
}

const (
	mostFirst = 64 << 10 // bytes of the first line that are looked at
	mostLast  = 32 << 20 // bytes of the end that are looked at: two of the longest lines
	tailChunk = 64 << 10 // bytes of the end that are read at first
)

// open opens the file and makes it end with a whole line.
func (d *disk) open(cfg *Config) error {
	flags := os.O_RDWR | os.O_CREATE | os.O_APPEND
	if info, err := os.Stat(cfg.Path); err == nil && !info.Mode().IsRegular() {
		flags = os.O_WRONLY // a pipe or a terminal
	}
	file, err := os.OpenFile(cfg.Path, flags, 0o600) // it holds what others need not know
	if err != nil {
		return named(cfg, err)
	}
	if err := d.adopt(file, cfg); err != nil {
		file.Close()
		return named(cfg, err)
	}
	return nil
}

func (d *disk) adopt(file *os.File, cfg *Config) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	d.file, d.regular = file, info.Mode().IsRegular()
	if !d.regular {
		return nil
	}
	if err := lock(file); err != nil {
		return err
	}
	d.size = info.Size()
	if d.size == 0 {
		return nil
	}
	old, err := readOld(file, d.size)
	if err != nil {
		return err
	}
	if cfg.Resume != nil {
		if err := cfg.Resume(old); err != nil {
			return err
		}
	}
	if len(old.Torn) == 0 {
		return nil
	}
	d.size -= int64(len(old.Torn))
	return file.Truncate(d.size)
}

// readOld reads the ends of a file of size bytes, which is not empty.
func readOld(r io.ReaderAt, size int64) (*Old, error) {
	first := make([]byte, min(size, mostFirst))
	if _, err := r.ReadAt(first, 0); err != nil {
		return nil, err
	}
	first, _, _ = bytes.Cut(first, []byte("\n"))
	old := &Old{First: first}
	for want := int64(tailChunk); ; want *= 4 {
		want = min(want, size, mostLast)
		tail := make([]byte, want)
		if _, err := r.ReadAt(tail, size-want); err != nil {
			return nil, err
		}
		lines := bytes.Split(tail, []byte("\n"))
		if whole := want == size; !whole {
			if len(lines) < 4 && want < mostLast { // two lines, what is torn, and a part to leave out
				continue
			}
			lines = lines[1:]
		}
		if len(lines) == 0 {
			return nil, fmt.Errorf("the last %d bytes hold no line end", want)
		}
		old.Torn = lines[len(lines)-1]
		lines = lines[:len(lines)-1]
		old.Last = lines[max(0, len(lines)-2):]
		return old, nil
	}
}

// write writes a line, in one call.
func (f *File) write(line []byte) error {
	if f.cfg.Frame != nil {
		f.buf = f.cfg.Frame(f.buf[:0], line)
		line = f.buf
	}
	if f.cfg.Max > 0 && f.regular && f.size > 0 && f.size+int64(len(line))+1 > f.cfg.Max {
		if err := f.rotate(); err != nil {
			return err
		}
	}
	if err := f.reopen(); err != nil {
		return err
	}
	if err := f.append(line); err != nil {
		return err
	}
	if f.cfg.Written != nil {
		f.cfg.Written(line)
	}
	return nil
}

// append adds a line to the file. What a failure leaves of it is cut off again.
func (d *disk) append(line []byte) error {
	out := make([]byte, 0, len(line)+2)
	if d.torn {
		out = append(out, '\n')
	}
	out = append(append(out, line...), '\n')
	n, err := d.file.Write(out)
	d.unsynced = d.unsynced || n > 0
	if err == nil {
		d.torn = false
		d.size += int64(n)
		return nil
	}
	if n > 0 && (!d.regular || d.file.Truncate(d.size) != nil) {
		d.torn = true
		d.size += int64(n)
	}
	return err
}

// rotate puts the file aside. It is closed first: not every system renames one
// that is open.
func (f *File) rotate() error {
	f.sync()
	_ = f.file.Close() // all is written; what the system says now changes nothing
	f.file, f.torn = nil, false
	aside := f.cfg.Path + ".1"
	if err := os.Rename(f.cfg.Path, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f.cfg.Log.Info(f.cfg.What+" goes on in a new file", "file", f.cfg.Path, "before", aside)
	return nil
}

// reopen opens the file again after rotate closed it.
func (f *File) reopen() error {
	if f.file != nil {
		return nil
	}
	file, err := os.OpenFile(f.cfg.Path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil {
		err = lock(file)
	}
	if err != nil {
		file.Close()
		return err
	}
	f.file, f.size = file, info.Size()
	if f.size > 0 || f.cfg.Begin == nil {
		return nil
	}
	return f.append(f.cfg.Begin())
}

func (d *disk) sync() {
	if d.unsynced && d.regular {
		_ = d.file.Sync() // what could not be kept shows when it is read
	}
	d.unsynced = false
}

// finish says what is missing and closes the file.
func (f *File) finish() {
	_ = f.confess() // Close says it
	if f.file == nil {
		return
	}
	f.sync()
	f.closeErr = f.file.Close()
}

// named puts the file before an error that does not name it.
func named(cfg *Config, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("%s %s: %w", cfg.What, cfg.Path, path.Err)
	}
	return fmt.Errorf("%s %s: %w", cfg.What, cfg.Path, err)
}

// reason says why a write failed, without the path, which is said anyway.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	if errors.Is(err, syscall.EPIPE) {
		return "nobody reads it any more"
	}
	return err.Error()
}
