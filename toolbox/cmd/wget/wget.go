// Package wget fetches files over HTTP.
//
// Synopsis:
//
//	wget [-qS] [-O FILE] [-P DIRECTORY] [-T SECONDS] [--header LINE] [--post-data TEXT] [--spider]
//	     [--no-check-certificate] URL…
//
// There are no certificates in the root filesystem to check a server by, so https takes /etc/ssl/certs from elsewhere
// or --no-check-certificate. The exit status is 8 if the server answered with an error, 4 if it could not be reached.
//
// Options:
//
//	--header LINE     such as "Accept: text/plain"; several are allowed
//	-O FILE           write to FILE, and with -O - to standard output
//	-P DIRECTORY      write into it, under the name in the URL
//	--post-data TEXT  send this, with POST
//	-q                say nothing
//	-S                show the answer's headers
//	--spider          only ask whether it is there
//	-T SECONDS        give up after so long, 900 if not given
package wget

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"stave/toolbox/cmdline"
)

// Exit statuses, as GNU Wget has them.
const (
	unreachable = 4
	refused     = 8
)

type fetcher struct {
	line                 *cmdline.Line
	client               *http.Client
	headers              []string
	output, dir, post    string
	quiet, server, probe bool
}

// Main runs the command and returns its exit status.
func Main(args []string) int {
	f := &fetcher{line: cmdline.New("wget [-qS] [-O FILE] [-P DIRECTORY] [-T SECONDS] [--header LINE] URL…")}
	f.line.StringArrayVar(&f.headers, "header", nil, "send this header `LINE`")
	insecure := f.line.Bool("no-check-certificate", false, "take any certificate")
	f.line.StringVarP(&f.output, "output-document", "O", "", "write to `FILE`, and with - to standard output")
	f.line.StringVarP(&f.dir, "directory-prefix", "P", ".", "write into this `DIRECTORY`")
	f.line.StringVar(&f.post, "post-data", "", "send this `TEXT`, with POST")
	f.line.BoolVarP(&f.quiet, "quiet", "q", false, "say nothing")
	f.line.BoolVarP(&f.server, "server-response", "S", false, "show the answer's headers")
	f.line.BoolVar(&f.probe, "spider", false, "only ask whether it is there")
	timeout := f.line.Float64P("timeout", "T", 900, "give up after `SECONDS`")
	if status, ok := f.line.Read(args); !ok {
		return status
	}
	if f.line.NArg() == 0 {
		return f.line.Misuse("which URL?")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: *insecure}
	f.client = &http.Client{Transport: transport, Timeout: time.Duration(*timeout * float64(time.Second))}
	status := cmdline.Success
	for _, address := range f.line.Args() {
		if !strings.Contains(address, "://") {
			address = "http://" + address
		}
		status = max(status, f.fetch(address))
	}
	return status
}

func (f *fetcher) fetch(address string) int {
	request, err := f.request(address)
	if err != nil {
		return f.line.Misuse("%v", err)
	}
	answer, err := f.client.Do(request)
	if err != nil {
		f.line.Fail(err)
		return unreachable
	}
	defer answer.Body.Close()
	if f.server {
		fmt.Fprintf(os.Stderr, "  %s %s\n", answer.Proto, answer.Status)
		for name, values := range answer.Header {
			fmt.Fprintf(os.Stderr, "  %s: %s\n", name, strings.Join(values, ", "))
		}
	}
	if answer.StatusCode >= 400 {
		f.line.Failf("%s: the server answered %s", address, answer.Status)
		return refused
	}
	if f.probe {
		return cmdline.Success
	}
	name := f.output
	if name == "" {
		name = filepath.Join(f.dir, fileName(request.URL))
	}
	n, err := save(name, answer.Body)
	if err != nil {
		f.line.Failf("%s: %w", address, err)
		return unreachable
	}
	if !f.quiet && name != "-" {
		fmt.Fprintf(os.Stderr, "%s saved, %d bytes\n", name, n)
	}
	return cmdline.Success
}

func (f *fetcher) request(address string) (*http.Request, error) {
	method, body := http.MethodGet, io.Reader(nil)
	switch {
	case f.post != "":
		method, body = http.MethodPost, strings.NewReader(f.post)
	case f.probe:
		method = http.MethodHead
	}
	request, err := http.NewRequestWithContext(context.Background(), method, address, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "Wget")
	if f.post != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, header := range f.headers {
		name, value, ok := strings.Cut(header, ":")
		if !ok {
			return nil, fmt.Errorf("%q is not a header such as \"Accept: text/plain\"", header)
		}
		if request.Header.Set(name, strings.TrimSpace(value)); strings.EqualFold(name, "Host") {
			request.Host = strings.TrimSpace(value) // net/http takes it from here only
		}
	}
	return request, nil
}

// fileName is the last part of the URL's path, and never one that leads elsewhere.
func fileName(address *url.URL) string {
	name := path.Base(path.Clean("/" + address.Path))
	if name == "/" || name == "." {
		return "index.html"
	}
	return name
}

func save(name string, body io.Reader) (int64, error) {
	if name == "-" {
		return io.Copy(os.Stdout, body)
	}
	file, err := os.Create(name)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(file, body)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return n, err
}
