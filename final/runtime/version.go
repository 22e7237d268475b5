package runtime

import "runtime/debug"

// Version is this program's: its module's version, "(devel)" if it was built from a clone, and the commit, "unknown" if the go command didn't note it.
func Version() (number, commit string) {
	number, commit = "(devel)", "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		number = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = s.Value
			}
		}
	}
	return number, commit
}
