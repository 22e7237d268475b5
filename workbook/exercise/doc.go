// Package exercise knows the exercises of the steps: where they are, how an answer is built, and what a check says of it.
//
// An exercise is a folder, steps/NN-name/exercises/K-title, and its ID is NN.K:
//
//	README.md       the task: "# NN.K Title", then words
//	hints.md        "## Hint 1" and so on, each a little more
//	check.txtar     the check, in the language of internal/script; the program under test is called step
//	solution/       the files of the step that the solution changes
//	wrong/NAME/     the same of an answer that nearly works, and which the check must refuse
//	fails.txt       what the check says of each wrong answer and of the untouched step: "NAME: regular expression"
//
// A check observes effects: which host name a program sees, which files are on the host, which exit code there is. It
// doesn't look at the source, so every way of solving an exercise is as good as ours.
//
// What a check finds is a Result, and its Explain says it in words. Verify runs a check on the untouched step, the solution
// and all wrong answers, and says what is not as fails.txt has it: this is how authors test exercises.
package exercise
