package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stave/final/image/internal/imagetest"
	"stave/final/image/layer"
	"stave/final/image/store"
)

type answer func(*http.Request) (*http.Response, error)

func (f answer) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestPlainHTTPIsForLoopback(t *testing.T) {
	reached := errors.New("reached")
	transport := plainOnlyLoopback{answer(func(*http.Request) (*http.Response, error) { return nil, reached })}
	tests := map[string]bool{
		"http://localhost:5000/v2/": true, "http://registry.localhost/v2/": true, "http://127.0.0.1/v2/": true, "http://127.9.9.9:1/v2/": true,
		"http://[::1]:5000/v2/": true, "https://registry.example/v2/": true, "http://registry.example/v2/": false,
		"http://10.0.0.1:5000/v2/": false, "http://192.168.1.1/v2/": false, "http://localhost.example/v2/": false, "http://0x7f.1/v2/": false,
	}
	for address, ok := range tests {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		_, err = transport.RoundTrip(&http.Request{URL: u})
		if errors.Is(err, reached) != ok {
			t.Errorf("%s: got %v", address, err)
		}
	}
}

func TestRedirectsInward(t *testing.T) {
	tests := []struct {
		from, to string
		ok       bool
	}{
		{"https://registry.example/a", "https://blobs.example/a", true},
		{"https://registry.example/a", "https://8.8.8.8/a", true},
		{"https://registry.example/a", "https://169.254.169.254/latest", false},
		{"https://registry.example/a", "https://127.0.0.1/a", false},
		{"https://registry.example/a", "https://10.1.1.1/a", false},
		{"https://registry.example/a", "https://[fe80::1]/a", false},
		{"http://127.0.0.1:5000/a", "http://127.0.0.1:5001/a", true},
		{"https://10.1.1.1/a", "https://10.1.1.1/b", true},
	}
	for _, test := range tests {
		request := func(address string) *http.Request {
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			return &http.Request{URL: u}
		}
		err := refuseInward(request(test.to), []*http.Request{request(test.from)})
		if (err == nil) != test.ok {
			t.Errorf("%s to %s: got %v", test.from, test.to, err)
		}
	}
}

// A private registry hands out tokens to those who know the password, and blobs to those with a token.
func TestCredentials(t *testing.T) {
	r := imagetest.NewRegistry(t)
	img := imagetest.New(t, false, imagetest.Gzip, imagetest.Layer(map[string]string{"a": "x"}))
	ref := r.Push("private/app:v1", img)
	r.Before(func(w http.ResponseWriter, req *http.Request) bool {
		if req.URL.Path == "/token" {
			if user, password, _ := req.BasicAuth(); user != "student" || password != "secret" {
				http.Error(w, "wrong password", http.StatusUnauthorized)
				return true
			}
			w.Write([]byte(`{"token":"tok"}`))
			return true
		}
		if req.Header.Get("Authorization") == "Bearer tok" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="test"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	for password, ok := range map[string]bool{"secret": true, "guess": false} {
		st, err := store.Open(t.TempDir(), store.Options{Kind: layer.Here()})
		if err != nil {
			t.Fatal(err)
		}
		login(t, r.Host, "student", password)
		_, err = Pull(context.Background(), st, ref, Options{})
		if (err == nil) != ok {
			t.Errorf("password %q: got %v", password, err)
		}
		if !ok && !strings.Contains(err.Error(), "docker login") {
			t.Errorf("the error does not say what to do: %v", err)
		}
		if err != nil && strings.Contains(err.Error(), password) {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

// login leaves what "docker login" would.
func login(t *testing.T, host, user, password string) {
	t.Helper()
	dir := t.TempDir()
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	config := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, auth)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", dir)
}
