package usb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"
)

// explain says why the port can't be opened and what to do about it.
func explain(path string, err error) error {
	var named *fs.PathError
	if errors.As(err, &named) {
		err = named.Err // the port is named already
	}
	var lib *serial.PortError
	if errors.As(err, &lib) {
		switch lib.Code() {
		case serial.PortBusy:
			err = unix.EBUSY
		case serial.PermissionDenied:
			err = unix.EACCES
		}
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return denied(path)
	case errors.Is(err, unix.EBUSY):
		return busy("/proc", path)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: gominer devices lists what is plugged in", fs.ErrNotExist)
	case errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV), errors.Is(err, unix.EIO):
		return ErrUnplugged
	}
	return err
}

// rulesHint says where rights come from.
const rulesHint = "gominer devices --udev-rules prints the rules that let you"

// denied names the group that one has to be in.
func denied(path string) error {
	group := ""
	if info, err := os.Stat(path); err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok && info.Mode()&0o060 == 0o060 && st.Gid != 0 {
			group = strconv.FormatUint(uint64(st.Gid), 10)
			if g, err := user.LookupGroupId(group); err == nil {
				group = g.Name
			}
		}
	}
	if group == "" {
		return fmt.Errorf("%w: only root may use it; %s", fs.ErrPermission, rulesHint)
	}
	return fmt.Errorf("%w: it is for the group %s, and you are not in it (sudo usermod -aG %s $USER, then log in again); or else %s",
		fs.ErrPermission, group, group, rulesHint)
}

// busy says who has the port, as far as the tree below proc tells us.
func busy(proc, path string) error {
	who := holders(proc, path)
	if len(who) == 0 {
		return fmt.Errorf("%w by another program: end it (ModemManager lets go of it by the rules that gominer devices --udev-rules prints)", ErrBusy)
	}
	return fmt.Errorf("%w by %s", ErrBusy, strings.Join(who, " and "))
}

// mostHolders bounds how many programs are named.
const mostHolders = 3

// holders returns the programs that have the file open: "screen (process 812)".
// Those of others can be seen by root alone.
func holders(proc, path string) (who []string) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil
	}
	dirs, err := os.ReadDir(proc)
	if err != nil {
		return nil
	}
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		dir := filepath.Join(proc, d.Name())
		fds, err := os.ReadDir(filepath.Join(dir, "fd"))
		if err != nil {
			continue
		}
		for _, fd := range fds {
			if to, err := os.Readlink(filepath.Join(dir, "fd", fd.Name())); err == nil && to == real {
				who = append(who, fmt.Sprintf("%s (process %d)", attribute(dir, "comm"), pid))
				break
			}
		}
		if len(who) == mostHolders {
			break
		}
	}
	return who
}

// Access says why the port at path can't be opened just now, as far as that can
// be seen without opening it, which some devices take for a reset.
func Access(path string) error {
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK|unix.W_OK, unix.AT_EACCESS); err != nil {
		return explain(path, err)
	}
	if len(holders("/proc", path)) > 0 {
		return busy("/proc", path)
	}
	return nil
}
