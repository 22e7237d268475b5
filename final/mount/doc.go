// Package mount gives a container a root of its own, with the filesystems a program expects in it. See step 03-mount,
// mount_namespaces(7), pivot_root(2) and, for the calls used here, Linux's newer interface to mounts: fsopen(2), open_tree(2), move_mount(2).
//
// It works in two halves. First every mount is gathered as a descriptor, attached nowhere: new filesystems are created, pieces of
// the host's tree are cloned ([Gather]). Then everything is cut off from the host ([Private]), the new root is opened, and each mount is put on its place below
// it ([Set.Attach]); devices, what is hidden and the terminal follow. Only then is the root exchanged ([Pivot]), so that hooks between see
// both sides.
//
// While the host's tree is still there, a name in an image could lead to it. So none is ever looked up but by openat2(2) from the new root's
// descriptor, with RESOLVE_IN_ROOT, and what was found is used by its descriptor and not looked up again (compare CVE-2021-30465, where a
// link was swapped between two looks). Links of proc that lead to open files (magic links) are refused besides.
package mount
