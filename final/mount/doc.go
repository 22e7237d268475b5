// Package mount gives a container a root of its own, with the filesystems a program expects in it. See step 03-mount,
// mount_namespaces(7), pivot_root(2) and, for the calls used here, Linux's newer interface to mounts: fsopen(2), open_tree(2), move_mount(2).
//
// It works in two halves, and pivot_root(2) stands between. First every mount is gathered as a descriptor, attached nowhere:
// new filesystems are created, directories of the host are cloned. Then the root is exchanged and the host's tree let go of. Only then
// are the gathered mounts attached. From that moment a name can't lead to the host any more, whatever links an image has in
// it, because nothing of the host is left to be led to (compare CVE-2021-30465, where a link was swapped while a path
// on the host was looked up). Links of proc that lead to open files (magic links) are refused besides.
package mount
