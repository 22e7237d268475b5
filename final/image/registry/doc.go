// Package registry brings images from a registry into a store.
//
// The protocol is the OCI distribution specification: after a handshake two kinds of GET, for manifests and for blobs.
// go-containerregistry's transport does the handshake: which scheme, which challenge, whose credentials (those that "docker
// login" or "podman login" left), tokens and their renewal. The GETs are done here, so that a download that broke off
// goes on where it stopped.
package registry
