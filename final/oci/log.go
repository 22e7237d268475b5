package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// log writes to standard error, and to the log file if there is one, in the form that callers parse: containerd's shim looks for the last line of JSON whose
// level is error.
func (g *global) log(level string, problem error) {
	now := time.Now().UTC().Format(time.RFC3339)
	line := fmt.Sprintf("time=%q level=%s msg=%q\n", now, level, problem.Error())
	if g.logFormat == "json" {
		b, _ := json.Marshal(struct {
			Level string `json:"level"`
			Msg   string `json:"msg"`
			Time  string `json:"time"`
		}{level, problem.Error(), now})
		line = string(b) + "\n"
	}
	written := false
	if g.logFile != "" {
		if f, err := os.OpenFile(g.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644); err == nil {
			_, err = f.WriteString(line)
			written = err == nil
			f.Close()
		}
	}
	switch {
	case !written && g.logFormat == "json":
		fmt.Fprint(os.Stderr, line)
	case level == "error":
		fmt.Fprintf(os.Stderr, "stave-oci: %v\n", problem)
	case !written:
		fmt.Fprintf(os.Stderr, "stave-oci: %s: %v\n", level, problem)
	}
}
