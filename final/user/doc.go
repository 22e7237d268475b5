// Package user makes a container's users stand for other ones outside, so that root inside needs no root outside, and
// turns the name of a user into ids as the container's own /etc/passwd has them. See step 08-user, user_namespaces(7) and subuid(5).
package user
