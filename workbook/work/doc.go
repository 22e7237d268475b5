// Package work is the learner's folder: work/ at the top of the repository, which git ignores and which is no part of ./...
//
//	NN.K/                  a copy of step NN, in which the learner solves exercise NN.K
//	NN.K.before-TIME/      what was there before a reset, or before a solution was put there
//	progress.json          which exercises have passed, how many hints were shown
//
// Nothing of the learner's is ever overwritten or removed. A copy appears whole or not at all, and so does a new
// progress.json: both are made under another name and renamed.
package work
