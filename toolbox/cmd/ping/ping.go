// Package ping asks a host whether it is there, with ICMP echo requests; see RFC 792 and RFC 4443.
//
// Synopsis:
//
//	ping [-46nq] [-c COUNT] [-i SECONDS] [-s BYTES] [-w SECONDS] [-W SECONDS] HOST
//
// The exit status is 1 if no answer came.
//
// Options:
//
//	-4, -6      only IPv4, only IPv6
//	-c COUNT    so many requests, in place of until interrupted
//	-i SECONDS  between requests, 1 if not given
//	-n          accepted: it shows numbers anyway
//	-q          only the sums at the end
//	-s BYTES    in each request, 56 if not given
//	-w SECONDS  stop after so long
//	-W SECONDS  wait so long for an answer, 10 if not given
package ping

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"stave/toolbox/cmdline"
)

type pinger struct {
	count, size                int
	interval, deadline, answer time.Duration
	quiet                      bool

	host     string
	address  net.IP
	socket   *socket
	sent     int
	received int
	times    []time.Duration
}

// Main runs the command and returns its exit status.
func Main(args []string) int {
	line := cmdline.New("ping [-46nq] [-c COUNT] [-i SECONDS] [-s BYTES] [-w SECONDS] [-W SECONDS] HOST")
	var p pinger
	v4 := line.BoolP("ipv4", "4", false, "only IPv4")
	v6 := line.BoolP("ipv6", "6", false, "only IPv6")
	line.IntVarP(&p.count, "count", "c", 0, "so many requests, in place of until interrupted")
	interval := line.Float64P("interval", "i", 1, "`SECONDS` between requests")
	line.BoolP("numeric", "n", false, "accepted: it shows numbers anyway")
	line.BoolVarP(&p.quiet, "quiet", "q", false, "only the sums at the end")
	line.IntVarP(&p.size, "size", "s", 56, "`BYTES` in each request")
	deadline := line.Float64P("deadline", "w", 0, "stop after `SECONDS`")
	answer := line.Float64P("timeout", "W", 10, "wait `SECONDS` for an answer")
	if status, ok := line.Read(args); !ok {
		return status
	}
	if line.NArg() != 1 {
		return line.Misuse("which host?")
	}
	const most = 65507 // what fits in a packet beside its headers
	if p.count < 0 || p.size < 0 || p.size > most || *interval < 0.002 || *deadline < 0 || *answer <= 0 {
		return line.Misuse("a number is out of range")
	}
	p.interval, p.deadline, p.answer = seconds(*interval), seconds(*deadline), seconds(*answer)
	network := "ip"
	if *v4 {
		network = "ip4"
	} else if *v6 {
		network = "ip6"
	}
	p.host = line.Arg(0)
	var err error
	if p.address, err = lookup(network, p.host); err != nil {
		return line.Fail(err)
	}
	if p.socket, err = open(p.address); err != nil {
		return line.Fail(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := p.run(ctx); err != nil {
		return line.Fail(err)
	}
	if p.received == 0 {
		return cmdline.Failure
	}
	return cmdline.Success
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

func lookup(network, host string) (net.IP, error) {
	addresses, err := net.DefaultResolver.LookupIP(context.Background(), network, host)
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return nil, fmt.Errorf("%s: %s", host, dns.Err)
	}
	if err != nil {
		return nil, err
	}
	return addresses[0], nil
}

// An answer is an echo reply, and when it came.
type answer struct {
	from          net.IP
	sequence, ttl int
	size          int
	at            time.Time
}

func (p *pinger) run(ctx context.Context) error {
	if p.deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.deadline)
		defer cancel()
	}
	fmt.Printf("PING %s (%s): %d data bytes\n", p.host, p.address, p.size)
	answers := make(chan answer)
	failed := make(chan error, 1)
	go func() { // ends with the process
		for {
			a, err := p.socket.receive()
			if err != nil {
				failed <- err
				return
			}
			answers <- a
		}
	}()
	start := time.Now()
	sentAt := map[int]time.Time{}
	next := time.After(0)
	var last <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			p.report(time.Since(start))
			return nil
		case <-last:
			p.report(time.Since(start))
			return nil
		case err := <-failed:
			return fmt.Errorf("waiting for answers: %w", err)
		case <-next:
			sentAt[p.sent] = time.Now()
			if err := p.socket.send(p.sent, p.size); err != nil {
				return fmt.Errorf("sending to %s: %w", p.address, err)
			}
			p.sent++
			if p.count == 0 || p.sent < p.count {
				next = time.After(p.interval)
			} else {
				last = time.After(p.answer)
			}
		case a := <-answers:
			at, ok := sentAt[a.sequence]
			if !ok {
				continue // another's, or a second answer to the same
			}
			delete(sentAt, a.sequence)
			p.note(a, a.at.Sub(at))
			if p.count > 0 && p.received == p.count {
				p.report(time.Since(start))
				return nil
			}
		}
	}
}

func (p *pinger) note(a answer, took time.Duration) {
	p.received++
	p.times = append(p.times, took)
	if p.quiet {
		return
	}
	ttl := ""
	if a.ttl > 0 {
		ttl = fmt.Sprintf(" ttl=%d", a.ttl)
	}
	fmt.Printf("%d bytes from %s: icmp_seq=%d%s time=%.3f ms\n", a.size, a.from, a.sequence+1, ttl, milliseconds(took))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (p *pinger) report(took time.Duration) {
	loss := 0.0
	if p.sent > 0 {
		loss = 100 * float64(p.sent-p.received) / float64(p.sent)
	}
	fmt.Printf("\n--- %s ping statistics ---\n", p.host)
	fmt.Printf("%d packets transmitted, %d received, %.0f%% packet loss, time %d ms\n", p.sent, p.received, loss, took.Milliseconds())
	if len(p.times) == 0 {
		return
	}
	least, most, sum := p.times[0], p.times[0], time.Duration(0)
	for _, t := range p.times {
		least, most, sum = min(least, t), max(most, t), sum+t
	}
	mean := sum / time.Duration(len(p.times))
	fmt.Fprintf(os.Stdout, "round-trip min/avg/max = %.3f/%.3f/%.3f ms\n", milliseconds(least), milliseconds(mean), milliseconds(most))
}
