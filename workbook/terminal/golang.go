package terminal

import (
	"go/scanner"
	"go/token"
	"strings"
)

// golang gives Go text its colours. It may be a part of a file: only its tokens matter.
func (r *renderer) golang(content string) string {
	source := []byte(content)
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(source))
	var s scanner.Scanner
	s.Init(file, source, func(token.Position, string) {}, scanner.ScanComments)
	var out strings.Builder
	written := 0
	for {
		pos, tok, literal := s.Scan()
		if tok == token.EOF {
			break
		}
		look := r.tokenLook(tok)
		if look == "" {
			continue
		}
		if literal == "" {
			literal = tok.String()
		}
		start := file.Offset(pos)
		end := start + len(literal)
		out.WriteString(content[written:start])
		// A line is painted by itself, so that whatever shows it can cut between lines.
		lines := strings.Split(content[start:end], "\n")
		for i := range lines {
			lines[i] = look.on(lines[i])
		}
		out.WriteString(strings.Join(lines, "\n"))
		written = end
	}
	return out.String() + content[written:]
}

func (r *renderer) tokenLook(tok token.Token) paint {
	switch {
	case tok == token.COMMENT:
		return r.look.comment
	case tok == token.STRING || tok == token.CHAR:
		return r.look.text
	case tok == token.INT || tok == token.FLOAT:
		return r.look.number
	case tok.IsKeyword():
		return r.look.keyword
	}
	return ""
}
