package exercise

import (
	"context"
	"fmt"
	"regexp"
)

// Verdict is what Verify says of one variant.
type Verdict struct {
	Variant  Variant
	Result   Result
	Surprise string // what is not as its authors say, or ""
}

// Verify checks one variant and says whether the check finds of it what fails.txt says.
func (e Exercise) Verify(ctx context.Context, v Variant) (Verdict, error) {
	fails, err := e.Fails()
	if err != nil {
		return Verdict{}, err
	}
	r, err := e.CheckVariant(ctx, v)
	if err != nil {
		return Verdict{}, err
	}
	return Verdict{Variant: v, Result: r, Surprise: surprise(v, r, fails[v])}, nil
}

func surprise(v Variant, r Result, want *regexp.Regexp) string {
	switch {
	case r.Skipped != "":
		return ""
	case v == Solution && !r.Passed:
		return "the solution fails:\n" + indent(r.Explain())
	case v == Solution:
		return ""
	case r.Passed:
		return "it passes, and must not"
	case want == nil:
		return fmt.Sprintf("fails.txt has no line %q; the check says:\n%s", v+":", indent(r.Explain()))
	case r.What == compiles:
		return "it must fail in the check, not before:\n" + indent(r.Explain())
	case !want.MatchString(r.Explain()):
		return fmt.Sprintf("it fails for another reason than fails.txt has, %s; the check says:\n%s", want, indent(r.Explain()))
	}
	return ""
}
