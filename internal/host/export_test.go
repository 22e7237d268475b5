package host

import "time"

// Hurry makes a Watcher that is sure to find something give up sooner.
func (w *Watcher) Hurry(patience time.Duration) { w.patience = patience }

var (
	ParseMounts = parseMounts
	Mentions    = mentions
)
