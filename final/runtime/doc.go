// Package runtime turns a configuration of the OCI runtime specification (https://github.com/opencontainers/runtime-spec,
// config.md) into a plan. It is where the mechanisms meet: which comes first, and what one needs of another.
package runtime
