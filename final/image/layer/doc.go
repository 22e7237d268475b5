// Package layer unpacks one layer of an image, a tar stream from somewhere, into one directory, the way overlayfs wants
// to find it: what step 06-images does in a page, here for streams one has no reason to trust.
//
// A layer is a difference to the layers below. What it adds and changes is in the archive as it is. What it removes is
// written as a file with a special name, a whiteout (OCI image specification, layer.md, "Whiteouts"):
//
//	a/.wh.b         lower layers' a/b is gone       → a character device 0:0 called a/b
//	a/.wh..wh..opq  everything lower in a is gone   → a with the extended attribute trusted.overlay.opaque=y
//
// On the right is how overlayfs writes the same (Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories").
//
// Nothing is ever written outside the directory, whatever the archive says. Every parent is resolved by the kernel with
// openat2(2) and RESOLVE_IN_ROOT, as if the process had changed its root there, so ".." and symbolic links lead nowhere
// else; the last part of a name is never followed. Streams that grow out of proportion stop at [Limits].
//
// [Unpack] needs nothing but its arguments, so it can run in another process, say one inside a user namespace.
package layer
