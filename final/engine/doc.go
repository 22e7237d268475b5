// Package engine runs containers that have names: it finds the image, makes a directory for the container, turns what the user
// asked for into a configuration, has it carried out, and leaves nothing behind, whether the container ends or the machine takes
// this process away in the middle.
//
// There is no daemon and no database. A container is a directory with a lock that its monitor (this process) holds for as long as it
// lives. Whatever is made on the host is written down there before it is made; a directory whose lock is free
// belongs to a monitor that died, and the next command clears it away.
package engine
