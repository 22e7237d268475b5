// Package store keeps images on disk so that any number of processes can use, add and remove them at once, and a
// process may be killed at any moment.
//
//	oci-layout, index.json, blobs/sha256/…   an OCI image layout, as skopeo, umoci and others read it
//	layers/sha256/<diff ID>/fs               the layers unpacked for overlayfs, each once, shared by all images
//	tmp/<random>                             what is not finished; the process at work holds a lock on it
//	lock                                     see lock.go
//
// Everything is made under tmp and renamed to where it belongs when it is whole and checked, so what has its
// name can be trusted. index.json is written last. What a killed process left in tmp is removed by the next [Open].
package store
