package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"stave/final/image"
	"stave/final/image/store"
)

// client reads one repository.
type client struct {
	repo name.Repository
	http http.Client
	idle time.Duration
}

func connect(ctx context.Context, repo name.Repository, opts Options) (*client, error) {
	auth, err := authn.Resolve(ctx, opts.Keychain, repo)
	if err != nil {
		return nil, fmt.Errorf("reading credentials for %s: %w", repo.RegistryStr(), err)
	}
	base := transport.NewRetry(plainOnlyLoopback{http.DefaultTransport})
	rt, err := transport.NewWithContext(ctx, repo.Registry, auth, base, []string{repo.Scope(transport.PullScope)})
	if err != nil {
		return nil, explain(err, repo)
	}
	return &client{repo: repo, http: http.Client{Transport: rt, CheckRedirect: refuseInward}, idle: opts.Idle}, nil
}

// get asks for a manifest or blob.
func (c *client) get(ctx context.Context, kind, id string, header http.Header) (*http.Response, error) {
	// The transport puts the right scheme in place of this one.
	url := fmt.Sprintf("%s://%s/v2/%s/%s/%s", c.repo.Scheme(), c.repo.RegistryStr(), c.repo.RepositoryStr(), kind, id)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header = header
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, explain(err, c.repo)
	}
	if err := transport.CheckError(resp, http.StatusOK, http.StatusPartialContent); err != nil {
		resp.Body.Close()
		return nil, explain(err, c.repo)
	}
	return resp, nil
}

// manifest reads a manifest or index by tag or digest, with a descriptor of what came. With a digest, want, it must be that.
func (c *client) manifest(ctx context.Context, id string, want digest.Digest) ([]byte, v1.Descriptor, error) {
	accept := strings.Join([]string{
		v1.MediaTypeImageIndex, v1.MediaTypeImageManifest, image.DockerManifestList, image.DockerManifest,
	}, ", ")
	resp, err := c.get(ctx, "manifests", id, http.Header{"Accept": {accept}})
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, image.MaxManifest+1))
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	if want == "" {
		want = digest.FromBytes(data)
	}
	if got := want.Algorithm().FromBytes(data); got != want {
		return nil, v1.Descriptor{}, fmt.Errorf("%w: the manifest is %s, asked for was %s", image.ErrFormat, got, want)
	}
	mediaType, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	return data, v1.Descriptor{MediaType: strings.TrimSpace(mediaType), Digest: want, Size: int64(len(data))}, nil
}

// blob opens a blob from offset on, whether or not the registry can begin there.
func (c *client) blob(ctx context.Context, d digest.Digest, offset int64) (io.ReadCloser, error) {
	header := http.Header{}
	if offset > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	body := &watched{ctx: ctx, cancel: cancel, idle: c.idle}
	body.timer = time.AfterFunc(c.idle, func() { cancel(fmt.Errorf("%s sent nothing for %s", c.repo.RegistryStr(), c.idle)) })
	resp, err := c.get(ctx, "blobs", d.String(), header)
	if err != nil {
		body.stop()
		return nil, err
	}
	body.ReadCloser = resp.Body
	if resp.StatusCode == http.StatusOK && offset > 0 {
		if _, err := io.CopyN(io.Discard, body, offset); err != nil {
			body.Close()
			return nil, err
		}
	}
	return body, nil
}

// watched ends a connection over which nothing comes any more, so that a new one can be tried.
type watched struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	idle   time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.timer.Reset(w.idle)
	if err != nil && err != io.EOF && w.ctx.Err() != nil {
		err = context.Cause(w.ctx)
	}
	return n, err
}

func (w *watched) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

func (w *watched) Close() error {
	w.stop()
	return w.ReadCloser.Close()
}

// explain adds the way out to the errors that have one.
func explain(err error, repo name.Repository) error {
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return err
	}
	switch answer.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w: %w: if %s is private, log in with \"docker login %s\" first", store.ErrRefused, err, repo, repo.RegistryStr())
	case http.StatusTooManyRequests:
		return fmt.Errorf("%w: %w: log in, or wait", store.ErrRefused, err)
	case http.StatusNotFound:
		return fmt.Errorf("%w: %w", store.ErrRefused, err)
	}
	return err
}

// plainOnlyLoopback refuses unencrypted connections to other machines, which go-containerregistry would try for private
// addresses: who can block the encrypted one could then send any image.
type plainOnlyLoopback struct{ http.RoundTripper }

func (t plainOnlyLoopback) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme == "http" && !loopback(req.URL.Hostname()) {
		return nil, fmt.Errorf("connecting to %s: it speaks plain http only, which is for this machine's own registries", req.URL.Host)
	}
	return t.RoundTripper.RoundTrip(req)
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") { // RFC 6761, 6.3
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// refuseInward keeps a registry from sending us to addresses that only this machine or its cloud can reach.
func refuseInward(req *http.Request, via []*http.Request) error {
	if len(via) > 10 {
		return errors.New("more than 10 redirections")
	}
	from, to := via[0].URL.Hostname(), req.URL.Hostname()
	ip := net.ParseIP(to)
	if to == from || loopback(from) || ip == nil {
		return nil
	}
	if ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsUnspecified() {
		return fmt.Errorf("%s redirected to %s, an address inside", from, to)
	}
	return nil
}
