package guest

import (
	"fmt"
	"os"
	"path/filepath"
)

// An Initramfs is the files that the kernel finds in memory and starts from: /init, modules in /modules, numbered in the
// order of loading, and directories to mount on.
type Initramfs struct {
	Init    string   // file of the program
	Modules []string // names of modules to load, without those they depend on
}

// Write makes the archive from this kernel's modules.
func (i Initramfs) Write(file string, kernel Kernel) error {
	order, err := loadOrder(kernel.Modules, i.Modules)
	if err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	archive := cpioWriter{w: f}
	for _, dir := range []string{"dev", "proc", "sys", "system", "modules"} {
		archive.directory(dir)
	}
	program, err := os.ReadFile(i.Init)
	if err != nil {
		return err
	}
	archive.program("init", program)
	for n, module := range order {
		content, err := os.ReadFile(module)
		if err != nil {
			return err
		}
		archive.program(fmt.Sprintf("modules/%03d-%s", n, filepath.Base(module)), content)
	}
	if err := archive.close(); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return f.Close()
}
