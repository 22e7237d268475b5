package user

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// ErrUnknown is returned for a user or group that is neither a number nor named in the container's files.
var ErrUnknown = errors.New("no such user or group in the container's /etc/passwd and /etc/group")

// An Account is a line of passwd(5).
type Account struct {
	Name     string
	UID, GID uint32
	Home     string
}

// Accounts reads a file in the format of passwd(5). Lines that don't fit the format are passed over, as getpwent(3) does.
func Accounts(passwd []byte) []Account {
	var list []Account
	for line := range strings.Lines(string(passwd)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 7 || f[0] == "" || strings.HasPrefix(f[0], "#") {
			continue
		}
		uid, err1 := parseID(f[2])
		gid, err2 := parseID(f[3])
		if err1 == nil && err2 == nil {
			list = append(list, Account{Name: f[0], UID: uid, GID: gid, Home: f[5]})
		}
	}
	return list
}

// A group is a line of group(5).
type group struct {
	name    string
	gid     uint32
	members []string
}

func groups(file []byte) []group {
	var list []group
	for line := range strings.Lines(string(file)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 4 || f[0] == "" || strings.HasPrefix(f[0], "#") {
			continue
		}
		if gid, err := parseID(f[2]); err == nil {
			list = append(list, group{f[0], gid, strings.Split(f[3], ",")})
		}
	}
	return list
}

// parseID takes a whole decimal number that an id can be. 4294967295 can't: it is the kernel's "no id".
func parseID(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, err
	}
	if n == noID || (s[0] < '0' || s[0] > '9') {
		return 0, fmt.Errorf("%s is not a user or group id", s)
	}
	return uint32(n), nil
}

// Resolve turns USER[:GROUP], names or numbers, into ids and a home directory, by the rules Docker has: a name is looked up first, a number need not
// be in the files, and the groups that list the user as a member are added unless a group is given. A string with anything
// else in it is refused, not read as far as it goes (CVE-2026-30892).
func Resolve(s string, passwd, groupFile []byte) (specs.User, string, error) {
	name, groupName, hasGroup := strings.Cut(s, ":")
	account := Account{Name: name, Home: "/"}
	if name == "" {
		name = "0"
	}
	accounts := Accounts(passwd)
	i := slices.IndexFunc(accounts, func(a Account) bool { return a.Name == name })
	if i < 0 {
		uid, err := parseID(name)
		if err != nil {
			return specs.User{}, "", fmt.Errorf("user %q: %w", name, ErrUnknown)
		}
		account.UID = uid
		i = slices.IndexFunc(accounts, func(a Account) bool { return a.UID == uid })
	}
	if i >= 0 {
		account = accounts[i]
	}
	u := specs.User{UID: account.UID, GID: account.GID, Username: account.Name}
	all := groups(groupFile)
	if hasGroup {
		gid, err := resolveGroup(groupName, all)
		u.GID = gid
		return u, account.Home, err
	}
	for _, g := range all {
		if account.Name != "" && slices.Contains(g.members, account.Name) && g.gid != u.GID && !slices.Contains(u.AdditionalGids, g.gid) {
			u.AdditionalGids = append(u.AdditionalGids, g.gid)
		}
	}
	return u, account.Home, nil
}

func resolveGroup(name string, all []group) (uint32, error) {
	if i := slices.IndexFunc(all, func(g group) bool { return g.name == name }); i >= 0 && name != "" {
		return all[i].gid, nil
	}
	gid, err := parseID(name)
	if err != nil {
		return 0, fmt.Errorf("group %q: %w", name, ErrUnknown)
	}
	return gid, nil
}
