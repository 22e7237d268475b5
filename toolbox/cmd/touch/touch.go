// Package touch makes empty files, or gives files that exist a new time.
//
// Synopsis:
//
//	touch [-acm] [-d TIME | -r FILE] FILE…
//
// Options:
//
//	-a       the time of the last read only
//	-c       make no file
//	-d TIME  this time, as for date -d, not now
//	-m       the time of the last write only
//	-r FILE  the times of this file
package touch

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"stave/toolbox/cmd/date"
	"stave/toolbox/cmdline"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("touch [-acm] [-d TIME | -r FILE] FILE…")
	access := line.BoolP("access", "a", false, "the time of the last read only")
	noCreate := line.BoolP("no-create", "c", false, "make no file")
	when := line.StringP("date", "d", "", "this `TIME`, as for date -d, not now")
	modification := line.BoolP("modification", "m", false, "the time of the last write only")
	like := line.StringP("reference", "r", "", "the times of this `FILE`")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NArg() == 0 {
		return line.Misuse("which file?")
	}
	times, err := wanted(*when, *like)
	if err != nil {
		return line.Fail(err)
	}
	if *access && !*modification {
		times[1].Nsec = unix.UTIME_OMIT
	}
	if *modification && !*access {
		times[0].Nsec = unix.UTIME_OMIT
	}
	status := cmdline.Success
	for _, name := range line.Args() {
		if err := touch(name, times, !*noCreate); err != nil {
			status = line.Fail(err)
		}
	}
	return status
}

// wanted returns the times to set, last read and last write.
func wanted(when, like string) ([]unix.Timespec, error) {
	now := unix.Timespec{Nsec: unix.UTIME_NOW}
	switch {
	case like != "":
		var stat unix.Stat_t
		if err := unix.Stat(like, &stat); err != nil {
			return nil, &os.PathError{Op: "stat", Path: like, Err: err}
		}
		return []unix.Timespec{stat.Atim, stat.Mtim}, nil
	case when != "":
		t, err := date.Parse(when)
		if err != nil {
			return nil, err
		}
		now = unix.NsecToTimespec(t.UnixNano())
	}
	return []unix.Timespec{now, now}, nil
}

func touch(name string, times []unix.Timespec, create bool) error {
	err := unix.UtimesNanoAt(unix.AT_FDCWD, name, times, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if !create {
			return nil
		}
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o666)
		if err != nil {
			return err
		}
		file.Close()
		err = unix.UtimesNanoAt(unix.AT_FDCWD, name, times, 0)
		if err == nil {
			return nil
		}
	}
	if err != nil {
		return &os.PathError{Op: "utimensat", Path: name, Err: err}
	}
	return nil
}
