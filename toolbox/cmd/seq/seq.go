// Package seq counts.
//
// Synopsis:
//
//	seq [-w] [-s SEPARATOR] [FIRST [STEP]] LAST
//
// Options:
//
//	-s SEPARATOR  between the numbers, in place of a newline
//	-w            all of the same width, with zeros
package seq

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"stave/toolbox/cmdline"
)

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("seq [-w] [-s SEPARATOR] [FIRST [STEP]] LAST").OperandsFirst()
	separator := line.StringP("separator", "s", "\n", "between the numbers, in place of a newline")
	equal := line.BoolP("equal-width", "w", false, "all of the same width, with zeros")
	if status, ok := line.Read(negative(args)); !ok {
		return status
	}
	if line.NArg() < 1 || line.NArg() > 3 {
		return line.Misuse("one, two or three numbers are needed")
	}
	numbers := []float64{1, 1, 0} // first, step, last
	digits := 0                   // after the point
	for i, text := range line.Args() {
		at := i
		if i == line.NArg()-1 {
			at = 2
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
			return line.Misuse("%q is not a number", text)
		}
		numbers[at] = n
		if _, fraction, ok := strings.Cut(text, "."); ok {
			digits = max(digits, len(fraction))
		}
	}
	if numbers[1] == 0 {
		return line.Misuse("a step of 0 never gets there")
	}
	if err := print(numbers, digits, *separator, *equal); err != nil {
		return line.Fail(err)
	}
	return cmdline.Success
}

// negative keeps a first number such as -1 from being taken for an option.
func negative(args []string) []string {
	for i := 1; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "-s":
			i++ // its value
		case len(arg) > 1 && arg[0] == '-' && strings.Trim(arg[1:], "0123456789.") == "":
			return slices.Insert(slices.Clone(args), i, "--")
		case !strings.HasPrefix(arg, "-"):
			return args
		}
	}
	return args
}

func print(numbers []float64, digits int, separator string, equal bool) error {
	first, step, last := numbers[0], numbers[1], numbers[2]
	count := math.Floor((last-first)/step + 1e-9)
	width := 0
	if equal {
		width = max(len(fmt.Sprintf("%.*f", digits, first)), len(fmt.Sprintf("%.*f", digits, last)))
	}
	out := bufio.NewWriter(os.Stdout)
	for i := 0.0; i <= count; i++ {
		if i > 0 {
			out.WriteString(separator)
		}
		if _, err := fmt.Fprintf(out, "%0*.*f", width, digits, first+i*step); err != nil {
			return err
		}
	}
	if count >= 0 {
		out.WriteString("\n")
	}
	return out.Flush()
}
