package rootfs

// VersionOf is Version for a module and a machine.
var VersionOf = version
