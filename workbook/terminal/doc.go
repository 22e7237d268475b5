// Package terminal shows a page of the book in a terminal: Markdown becomes text with colours, as wide as the terminal, and is
// paged. Where there is no terminal it becomes plain text.
//
// Program text is never broken into lines other than its own, pictures are told by their descriptions, and links that lead
// out of the book are numbered and listed at the end.
package terminal
