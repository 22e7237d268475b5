// Package date shows the time.
//
// Synopsis:
//
//	date [-uR] [-I[s]] [-d TIME] [+FORMAT]
//
// Options:
//
//	-d TIME  this time: @SECONDS, or such as 2026-01-31, 2026-01-31 12:00:00, 2026-01-31T12:00:00Z
//	-I       as 2026-01-31, and with -Is as 2026-01-31T12:00:00+00:00
//	-R       as in a mail's header
//	-u       in UTC
//
// FORMAT has %Y %m %d %H %M %S and most other letters of strftime(3).
package date

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"stave/toolbox/cmdline"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("date [-uR] [-I[s]] [-d TIME] [+FORMAT]")
	when := line.StringP("date", "d", "", "this `TIME`, such as @0 or 2026-01-31T12:00:00Z")
	iso := line.StringP("iso-8601", "I", "", "as 2026-01-31, and with -Is as 2026-01-31T12:00:00+00:00")
	line.Lookup("iso-8601").NoOptDefVal = "date"
	mail := line.BoolP("rfc-email", "R", false, "as in a mail's header")
	utc := line.BoolP("utc", "u", false, "in UTC")
	if status, ok := line.Read(isoValue(args)); !ok {
		return status
	}
	t := time.Now()
	if *when != "" {
		var err error
		if t, err = Parse(*when); err != nil {
			return line.Fail(err)
		}
	}
	if *utc {
		t = t.UTC()
	}
	format := "%a %b %e %H:%M:%S %Z %Y"
	switch {
	case *iso == "date":
		format = "%Y-%m-%d"
	case *iso != "":
		format = "%Y-%m-%dT%H:%M:%S%:z"
	case *mail:
		format = "%a, %d %b %Y %H:%M:%S %z"
	}
	if line.NArg() == 1 && strings.HasPrefix(line.Arg(0), "+") {
		format = line.Arg(0)[1:]
	} else if line.NArg() > 0 {
		return line.Misuse("%q: a format starts with +, and setting the clock is not a container's business", line.Arg(0))
	}
	fmt.Println(Format(t, format))
	return cmdline.Success
}

// isoValue lets -I have its value without a blank or none: -Is is --iso-8601=s.
func isoValue(args []string) []string {
	fixed := slices.Clone(args)
	for i, arg := range fixed {
		if value, ok := strings.CutPrefix(arg, "-I"); ok && value != "" {
			fixed[i] = "--iso-8601=" + value
		}
	}
	return fixed
}

// layouts Parse tries, in the local time zone where they name none.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02", "15:04:05", "15:04",
	time.RFC1123Z, time.RFC1123, time.UnixDate,
}

// Parse reads a time as -d takes it.
func Parse(text string) (time.Time, error) {
	if text == "now" {
		return time.Now(), nil
	}
	if seconds, ok := strings.CutPrefix(text, "@"); ok {
		if n, err := strconv.ParseInt(seconds, 10, 64); err == nil {
			return time.Unix(n, 0), nil
		}
	}
	for _, layout := range layouts {
		t, err := time.ParseInLocation(layout, text, time.Local)
		if err != nil {
			continue
		}
		if t.Year() == 0 { // an hour of today
			now := time.Now()
			t = time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.Local)
		}
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%q is not a time such as @0 or 2026-01-31T12:00:00Z", text)
}

// directives of strftime(3) that time.Format has a layout for.
var directives = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'c': "Mon Jan _2 15:04:05 2006", 'd': "02", 'D': "01/02/06",
	'e': "_2", 'F': "2006-01-02", 'h': "Jan", 'H': "15", 'I': "03", 'j': "002", 'm': "01", 'M': "04", 'p': "PM",
	'r': "03:04:05 PM", 'R': "15:04", 'S': "05", 'T': "15:04:05", 'x': "01/02/06", 'X': "15:04:05", 'y': "06",
	'Y': "2006", 'z': "-0700", 'Z': "MST",
}

// Format writes a time as strftime(3) would. A directive it doesn't know stays as it is.
func Format(t time.Time, format string) string {
	var text strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			text.WriteByte(format[i])
			continue
		}
		i++
		if strings.HasPrefix(format[i:], ":z") {
			i++
			text.WriteString(t.Format("-07:00"))
			continue
		}
		layout, ok := directives[format[i]]
		if ok {
			text.WriteString(t.Format(layout))
			continue
		}
		text.WriteString(directive(t, format[i]))
	}
	return text.String()
}

// directive writes those time.Format has no layout for.
func directive(t time.Time, letter byte) string {
	switch letter {
	case '%':
		return "%"
	case 'C':
		return fmt.Sprintf("%02d", t.Year()/100)
	case 'k':
		return fmt.Sprintf("%2d", t.Hour())
	case 'n':
		return "\n"
	case 'N':
		return fmt.Sprintf("%09d", t.Nanosecond())
	case 's':
		return strconv.FormatInt(t.Unix(), 10)
	case 't':
		return "\t"
	case 'u':
		return strconv.Itoa((int(t.Weekday())+6)%7 + 1)
	case 'V':
		_, week := t.ISOWeek()
		return fmt.Sprintf("%02d", week)
	case 'w':
		return strconv.Itoa(int(t.Weekday()))
	}
	return "%" + string(letter)
}
