// Package id shows who one is: user and groups, by number and by name.
//
// Synopsis:
//
//	id [-u | -g | -G] [-nr] [USER]
//	whoami
//
// Options:
//
//	-g  the group only
//	-G  all groups only
//	-n  with those: names
//	-r  with those: the real one, where it differs from the effective
//	-u  the user only
package id

import (
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"stave/toolbox/account"
	"stave/toolbox/cmdline"
)

// Whoami runs the command whoami and returns its exit status.
func Whoami(args []string) int {
	line := cmdline.New("whoami")
	if status, ok := line.Read(args); !ok {
		return status
	}
	var names account.Names
	fmt.Println(names.User(uint32(os.Geteuid())))
	return cmdline.Success
}

// An identity is a user with their groups.
type identity struct {
	uid, euid, gid, egid int
	groups               []int
}

// Main runs the command id and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("id [-u | -g | -G] [-nr] [USER]")
	group := line.BoolP("group", "g", false, "the group only")
	groups := line.BoolP("groups", "G", false, "all groups only")
	byName := line.BoolP("name", "n", false, "with those: names")
	actual := line.BoolP("real", "r", false, "with those: the real one, where it differs from the effective")
	userOnly := line.BoolP("user", "u", false, "the user only")
	if status, ok := line.Read(args); !ok {
		return status
	}
	who, err := self()
	if line.NArg() > 0 {
		who, err = other(line.Arg(0))
	}
	if err != nil {
		return line.Fail(err)
	}
	uid, gid := who.euid, who.egid
	if *actual {
		uid, gid = who.uid, who.gid
	}
	var names account.Names
	show := func(id int, name func(uint32) string) string {
		if *byName {
			return name(uint32(id))
		}
		return strconv.Itoa(id)
	}
	switch {
	case *userOnly:
		fmt.Println(show(uid, names.User))
	case *group:
		fmt.Println(show(gid, names.Group))
	case *groups:
		var all []string
		for _, g := range who.groups {
			all = append(all, show(g, names.Group))
		}
		fmt.Println(strings.Join(all, " "))
	default:
		fmt.Println(who.String())
	}
	return cmdline.Success
}

func self() (identity, error) {
	who := identity{uid: os.Getuid(), euid: os.Geteuid(), gid: os.Getgid(), egid: os.Getegid()}
	groups, err := os.Getgroups()
	if err != nil {
		return who, err
	}
	who.groups = []int{who.egid}
	for _, g := range groups {
		if !slices.Contains(who.groups, g) {
			who.groups = append(who.groups, g)
		}
	}
	return who, nil
}

func other(name string) (identity, error) {
	u, err := user.Lookup(name)
	if err != nil {
		if u, err = user.LookupId(name); err != nil {
			return identity{}, fmt.Errorf("%s: no such user", name)
		}
	}
	var who identity
	if who.uid, err = strconv.Atoi(u.Uid); err != nil {
		return who, err
	}
	if who.gid, err = strconv.Atoi(u.Gid); err != nil {
		return who, err
	}
	who.euid, who.egid = who.uid, who.gid
	ids, err := u.GroupIds()
	if err != nil {
		return who, err
	}
	for _, id := range ids {
		g, err := strconv.Atoi(id)
		if err != nil {
			return who, err
		}
		who.groups = append(who.groups, g)
	}
	return who, nil
}

func (who identity) String() string {
	var names account.Names
	pair := func(id int, name string) string {
		if name == strconv.Itoa(id) {
			return name
		}
		return fmt.Sprintf("%d(%s)", id, name)
	}
	userPair := func(id int) string { return pair(id, names.User(uint32(id))) }
	groupPair := func(id int) string { return pair(id, names.Group(uint32(id))) }
	text := "uid=" + userPair(who.uid) + " gid=" + groupPair(who.gid)
	if who.euid != who.uid {
		text += " euid=" + userPair(who.euid)
	}
	if who.egid != who.gid {
		text += " egid=" + groupPair(who.egid)
	}
	var all []string
	for _, g := range who.groups {
		all = append(all, groupPair(g))
	}
	return text + " groups=" + strings.Join(all, ",")
}
