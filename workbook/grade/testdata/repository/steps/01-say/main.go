// Step says something else than it should.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println("this is not the word")
	os.Exit(3)
}
