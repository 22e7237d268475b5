// Package image is the format of images: names, manifests, indexes and configs, parsed with suspicion.
//
// An image is a few files, each named by the digest of its content: a config (what to run), layers (tar archives, lowest
// first) and a manifest that lists them with their sizes. An index lists manifests, one a platform. Step 06-images
// pulls one; here the same is done for images one has no reason to trust. Around this package:
//
//   - [stave/final/image/store] keeps images on disk: an OCI image layout that skopeo and umoci read as it is, beside
//     the unpacked layers that overlayfs mounts.
//   - [stave/final/image/layer] unpacks one layer into a directory, and packs a directory into a layer.
//   - [stave/final/image/registry] brings an image from a registry into a store.
//   - [stave/final/image/archive] brings images from a file (docker save, or an OCI layout in a tar) into a store.
//
// A command uses them like this:
//
//	st, err := store.Open(dir, store.Options{Kind: layer.Here()})
//	release, err := st.Hold(ctx)                // nothing is removed until the container is on record
//	img, err := st.Resolve("alpine")            // errors.Is(err, store.ErrNotFound): pull it
//	img, err = registry.Pull(ctx, st, "alpine", registry.Options{Progress: show})
//	lower, err := st.LayerPaths(ctx, img)       // lowest first, unpacked now if they were not
//	release()
//
// The formats are those of the OCI image specification (https://github.com/opencontainers/image-spec) and Docker's image
// manifest version 2, schema 2, which differ in their media types only.
package image
