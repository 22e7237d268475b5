// Package archive brings images from a file into a store: what "docker save" writes, old or new, and an OCI image layout
// in a tar, as skopeo and buildah write it (oci-archive, docker-archive). Either may be compressed.
package archive
