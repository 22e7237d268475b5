// Package account gives users and groups their names, from the /etc/passwd and /etc/group of the root filesystem.
package account

import (
	"fmt"
	"os/user"
	"strconv"
)

// Names remembers what it has looked up, since a listing asks for the same few again and again.
type Names struct {
	users, groups map[uint32]string
}

// User returns the name of a user id, or the number itself where it has none.
func (n *Names) User(uid uint32) string {
	if n.users == nil {
		n.users = map[uint32]string{}
	}
	return remember(n.users, uid, func(id string) (string, error) {
		u, err := user.LookupId(id)
		if err != nil {
			return "", err
		}
		return u.Username, nil
	})
}

// Group returns the name of a group id, or the number itself where it has none.
func (n *Names) Group(gid uint32) string {
	if n.groups == nil {
		n.groups = map[uint32]string{}
	}
	return remember(n.groups, gid, func(id string) (string, error) {
		g, err := user.LookupGroupId(id)
		if err != nil {
			return "", err
		}
		return g.Name, nil
	})
}

func remember(known map[uint32]string, id uint32, lookup func(string) (string, error)) string {
	if name, ok := known[id]; ok {
		return name
	}
	number := strconv.FormatUint(uint64(id), 10)
	name, err := lookup(number)
	if err != nil {
		name = number
	}
	known[id] = name
	return name
}

// UserID returns the id of a user given by name or by number.
func UserID(name string) (int, error) {
	if u, err := user.Lookup(name); err == nil {
		name = u.Uid
	}
	id, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%s: no such user", name)
	}
	return int(id), nil
}

// GroupID returns the id of a group given by name or by number.
func GroupID(name string) (int, error) {
	if g, err := user.LookupGroup(name); err == nil {
		name = g.Gid
	}
	id, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%s: no such group", name)
	}
	return int(id), nil
}
