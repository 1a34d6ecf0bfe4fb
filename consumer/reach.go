package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/segmentio/kafka-go"
)

// reach remembers which of the configured brokers do not answer, so that it is said soon and once when none does: each try
// by itself would only tell after its whole time that its time was over.
type reach struct {
	brokers []string // as they are dialled
	log     *slog.Logger

	mu   sync.Mutex
	lost map[string]outage // by address, since any broker last answered
	told string            // what was said last; empty while Kafka answers
}

// outage is how a broker does not answer, and what to look at beside what is always said.
type outage struct{ problem, check string }

func newReach(brokers []string, log *slog.Logger) *reach {
	r := &reach{log: log, lost: map[string]outage{}}
	for _, b := range brokers {
		r.brokers = append(r.brokers, kafka.TCP(b).String()) // with its port
	}
	return r
}

// Unreachable is nil, or an AccessError that says why no broker of Config.Brokers answers.
func (c *Client) Unreachable() error { return c.door.reach.standing() }

// fails notes that a broker does not answer. It returns err, or, if no broker does, an AccessError, which it has said.
func (r *reach) fails(address string, err error) error {
	r.mu.Lock()
	r.lost[address] = outageOf(err)
	none := r.none()
	news := none != nil && none.Error() != r.told
	if news {
		r.told = none.Error()
	}
	r.mu.Unlock()
	if none == nil {
		return err
	}
	if news {
		r.log.Warn("Kafka cannot be reached, trying again", "err", none)
	}
	return none
}

// answers notes that a broker said something, whatever it was.
func (r *reach) answers(address string) {
	r.mu.Lock()
	again := r.told != ""
	r.told = ""
	clear(r.lost)
	r.mu.Unlock()
	if again {
		r.log.Info("Kafka answers again", "where", address)
	}
}

func (r *reach) standing() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if none := r.none(); none != nil {
		return none
	}
	return nil
}

// none is why no broker answers; nil as long as one may. The caller holds mu.
func (r *reach) none() *AccessError {
	var problems []string
	checks := []string{"the address"}
	for _, b := range r.brokers {
		o, lost := r.lost[b]
		if !lost {
			return nil
		}
		problems = append(problems, b+" "+o.problem)
		if o.check != "" && !slices.Contains(checks, o.check) {
			checks = append(checks, o.check)
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return &AccessError{
		Where: "no broker of --brokers answers", Problem: strings.Join(problems, ", "),
		Mend: "check " + strings.Join(checks, ", ") + " and that Kafka is up",
	}
}

func outageOf(err error) outage {
	var dns *net.DNSError
	var timeout net.Error
	var code syscall.Errno
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return outage{"is a host name that is not known", "the name server"}
	case errors.As(err, &dns):
		return outage{"is a host name that the name server does not answer for", "the name server"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return outage{"refuses the connection", ""}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return outage{"does not answer", "that no firewall is in the way"}
	case errors.As(err, &code):
		return outage{fmt.Sprintf("cannot be reached (%v)", code), "the network"}
	}
	return outage{"cannot be reached", "the network"}
}
