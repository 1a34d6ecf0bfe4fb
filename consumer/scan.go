package consumer

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tracetally/tracetally/schemas"
)

// errAskAgain: the rest of the response is of no use, the broker must be asked again.
var errAskAgain = errors.New("response is used up")

// errStale: what a broker sent lies before the wanted offset. It cannot happen, and must not make us spin if it does.
var errStale = fmt.Errorf("%w: the broker sent nothing at or after the wanted offset", ErrUnavailable)

// scan makes a Chunk of the next batches of the response.
//
// A batch that is damaged is read a second time before it is given up, as the damage may have happened on the way; so it
// is always the first of a response when the verdict falls. Afterwards the broker is asked anew, because a damaged batch
// may have been the marker that ends an aborted transaction.
func (r *Reader) scan() (Chunk, error) {
	c := r.nothing()
	stuck := errStale
	for len(r.rest) > 0 && r.held() < int(r.FetchBytes) {
		b := readBatch(r.rest)
		switch {
		case b.state == whole && r.fits(&b):
			if r.take(&b); r.stopped != nil {
				return c, r.stopped
			}
		case b.state == outdated && b.last < r.offset:
			r.rest = r.rest[b.size:]
		case b.state == outdated:
			r.reject(r.offset, b.last+1, schemas.BadBatch, r.rest[:b.size])
			r.rest = r.rest[b.size:]
		case r.offset == r.fresh && r.settled(&b):
			r.reject(r.offset, r.extent(&b), schemas.BadBatch, r.rest[:min(b.size, len(r.rest))])
			r.rest = nil
		default:
			r.rest, stuck = nil, errAskAgain
		}
	}
	if r.offset == c.From {
		r.drop()
		return c, stuck
	}
	r.want = 0
	c.To = r.offset
	c.Records, c.Bad, c.Bytes = r.decoder.records, r.decoder.bad, r.held()+len(r.body)
	c.HighWatermark, c.LastStable = max(c.HighWatermark, c.To), max(c.LastStable, c.To)
	return c, nil
}

// fits says whether the offsets of a whole batch can be true. Its base is outside the checksum, so it is held against what
// came before, if we have just read that to its end; against the next batch, which cannot begin inside this one; and, if
// there is a hole before it, against the end of the log, behind which there is nothing.
func (r *Reader) fits(b *batch) bool {
	if r.aligned && b.base < r.offset && b.last >= r.offset || b.base > r.offset && b.last >= r.log.highWatermark {
		return false
	}
	if len(r.rest) < b.size+8 || int64(binary.BigEndian.Uint64(r.rest[b.size:])) > b.last {
		return true
	}
	next := readBatch(r.rest[b.size:])
	if next.state != whole {
		return true
	}
	// They contradict each other. If the next one, moved behind this one, ends where its own next begins or the log ends,
	// then its base is the wrong one.
	end := b.last + 1 + next.last - next.base + 1
	if after, ok := next.following(r.rest[b.size:]); ok {
		return after == end
	}
	return end == r.log.highWatermark || end == r.log.lastStable
}

// settled says whether there is nothing more to try with a batch that is damaged, cut off, or does not fit. The second
// reading asks for enough to see the batch behind it too.
func (r *Reader) settled(b *batch) bool {
	known := b.size <= r.client.cfg.MaxBatchBytes
	if b.state == cut && known && b.size > r.want {
		r.want = b.size
		return false
	}
	if r.suspect == r.offset {
		return true
	}
	r.suspect = r.offset
	if known {
		r.want = b.size + int(r.FetchBytes)
	}
	return false
}

// extent is where a batch ends that cannot be used: where the next sound one begins, if that can be seen. Else its header's
// word is taken if nothing speaks against it but its length, or if the log ends just there. Else it ends behind the one
// offset that must be in it, so that it is met again at the next: slow, but it never reaches into another batch.
func (r *Reader) extent(b *batch) int64 {
	end := b.last + 1
	if next, ok := b.following(r.rest); ok && next > r.offset && next <= r.log.highWatermark {
		return next
	}
	possible := b.base >= 0 && b.base <= b.last && b.last >= r.offset
	if possible && (b.state == cut && end <= r.log.highWatermark || end == r.log.highWatermark || end == r.log.lastStable) {
		return end
	}
	return r.offset + 1
}

// reject makes a bad range of the batch in raw and steps behind it.
func (r *Reader) reject(from, to int64, reason schemas.Reason, raw []byte) {
	bad := BadRange{From: from, To: to, Reason: reason, Size: len(raw), SHA256: sha256.Sum256(raw)}
	if b := readBatch(r.rest); b.size > len(raw) {
		bad.Size, bad.SHA256 = b.size, [32]byte{}
	}
	r.decoder.bad = append(r.decoder.bad, bad)
	r.offset, r.aligned = to, false
}

// held is about what the chunk keeps in memory so far, the response aside.
func (r *Reader) held() int {
	return r.arena.size + len(r.decoder.records)*recordBytes + len(r.decoder.headers)*headerBytes
}

// take decodes a batch whose checksum holds and steps over it.
func (r *Reader) take(b *batch) {
	drop := r.filter.drop(b)
	if b.last >= r.offset && !drop {
		if reason := r.decode(b); r.stopped != nil {
			return
		} else if reason != "" {
			r.reject(max(r.offset, b.base), b.last+1, reason, r.rest[:b.size])
		}
	}
	if b.last >= r.offset {
		r.offset, r.aligned = b.last+1, true
	}
	r.rest = r.rest[b.size:]
}

// decode gives the reason why nothing of the batch can be used, or none.
func (r *Reader) decode(b *batch) schemas.Reason {
	payload := b.payload
	if b.count == 0 && len(payload) == 0 {
		return "" // compaction took everything, and may have left the codec
	}
	if b.codec() != codecNone {
		var err error
		if payload, err = r.unpack(b); err != nil {
			return schemas.BadCompression // unless r.stopped
		}
	}
	if r.decoder.decode(b, payload, r.offset) != nil {
		return schemas.BadBatch
	}
	return ""
}

// ordinary is how large a batch may be without asking.
func (r *Reader) ordinary() int {
	if r.Large == nil {
		return r.client.cfg.MaxBatchBytes
	}
	return min(ordinary, r.client.cfg.MaxBatchBytes)
}

// enlarge asks to take the memory of a batch that is larger. A refusal says nothing about the batch.
func (r *Reader) enlarge() error {
	if r.Large != nil {
		r.stopped = r.Large(r.ctx)
	}
	return r.stopped
}

func (r *Reader) unpack(b *batch) ([]byte, error) {
	if r.swell == 0 {
		r.swell = int(r.client.memory.swell.Load()) // another partition's batches are a better guess than none
	}
	most := r.client.cfg.MaxBatchBytes
	guess := min(len(b.payload)*(r.swell+3)/16, most)
	limit := r.ordinary()
	if guess > limit { // as large as the last one
		if err := r.enlarge(); err != nil {
			return nil, err
		}
		limit = most
	}
	out, err := r.client.codecs.unpack(b.codec(), b.payload, r.arena.room(guess), limit)
	if errors.Is(err, errTooLarge) && limit < most {
		if err := r.enlarge(); err != nil {
			return nil, err
		}
		out, err = r.client.codecs.unpack(b.codec(), b.payload, r.arena.room(min(4*limit, most)), most)
	}
	if err != nil {
		return nil, err
	}
	r.arena.keep(out)
	r.swell = max(r.swell*15/16, 16*len(out)/max(1, len(b.payload)))
	r.client.memory.swell.Store(int64(r.swell))
	return out, nil
}
