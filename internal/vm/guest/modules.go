package guest

import (
	"debug/elf"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// loadOrder returns the files of the modules and of all they depend on, in an order in which they can be loaded.
func loadOrder(dir string, wanted []string) ([]string, error) {
	files := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(d.Name(), ".ko"); err == nil && ok {
			files[moduleName(name)] = path
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var order []string
	var add func(name string) error
	add = func(name string) error {
		file, ok := files[moduleName(name)]
		if !ok {
			return fmt.Errorf("the kernel in %s has no module %s", dir, name)
		}
		if slices.Contains(order, file) {
			return nil
		}
		needed, err := moduleDepends(file)
		if err != nil {
			return err
		}
		for _, other := range needed {
			if err := add(other); err != nil {
				return err
			}
		}
		order = append(order, file)
		return nil
	}
	for _, name := range wanted {
		if err := add(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// moduleName: the kernel doesn't tell - from _ in names of modules.
func moduleName(name string) string { return strings.ReplaceAll(name, "-", "_") }

// moduleDepends reads what modinfo(8) prints as "depends".
func moduleDepends(file string) ([]string, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, fmt.Errorf("reading module %s: %w", file, err)
	}
	defer f.Close()
	section := f.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("reading module %s: it has no .modinfo", file)
	}
	info, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("reading module %s: %w", file, err)
	}
	for _, entry := range strings.Split(string(info), "\x00") {
		if list, ok := strings.CutPrefix(entry, "depends="); ok && list != "" {
			return strings.Split(list, ","), nil
		}
	}
	return nil, nil
}
