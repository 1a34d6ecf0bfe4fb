package enrich

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// hashBytes is how much of an HMAC is kept: 16 bytes, 32 hex digits. Two of a billion users share one with a
// probability of 10^-21.
const hashBytes = 16

// hasher makes the hashes that stand for a user and an input. Without a key it makes none: an unkeyed hash of an e-mail
// address is undone by trying addresses.
type hasher struct {
	mac hash.Hash // nil without a key
	// seed comes from the key, too: without it nobody can look for two inputs with one digest.
	seed   uint64
	digest xxhash.Digest
	in     []byte // reused, so that a string is hashed without an allocation
	sum    [sha256.Size]byte
	// kept holds the hashes that were handed out, many in one piece of memory: most events have one, and an allocation
	// for each costs the collector more than the odd piece that lives as long as its longest-lived hash.
	kept strings.Builder
}

// keptBytes is the size of such a piece: 128 hashes.
const keptBytes = 128 * 2 * hashBytes

func newHasher(key []byte) hasher {
	if len(key) == 0 {
		return hasher{}
	}
	h := hasher{mac: hmac.New(sha256.New, key)}
	h.mac.Write([]byte("tracetally input digest"))
	h.seed = binary.BigEndian.Uint64(h.mac.Sum(nil))
	return h
}

// text is the hash of a string, empty for an empty one. It is the plain HMAC-SHA256 of the value, cut to 32 hex digits, so
// that whoever holds the key can find a user:
//
//	printf %s USER | openssl dgst -sha256 -mac HMAC -macopt hexkey:"$(xxd -p -c0 KEYFILE)" | sed 's/.*= //' | cut -c1-32
func (h *hasher) text(s string) string {
	h.in = append(h.in[:0], s...)
	return h.bytes(h.in)
}

// input is the hash of a model's input, which may be long: HMAC-SHA256 of its length and a 64-bit digest instead of its text,
// which took a third of the time of a prompt of 40 KB. It answers whether the same input came again; see
// docs/decisions/0013-input-hash.md for what a collision would mean.
func (h *hasher) input(b []byte) string {
	if h.mac == nil || len(b) == 0 {
		return ""
	}
	h.digest.ResetWithSeed(h.seed)
	_, _ = h.digest.Write(b) // it always succeeds
	h.in = binary.BigEndian.AppendUint64(h.in[:0], uint64(len(b)))
	h.in = binary.BigEndian.AppendUint64(h.in, h.digest.Sum64())
	return h.bytes(h.in)
}

func (h *hasher) bytes(b []byte) string {
	if h.mac == nil || len(b) == 0 {
		return ""
	}
	h.mac.Reset()
	h.mac.Write(b)
	var out [2 * hashBytes]byte
	hex.Encode(out[:], h.mac.Sum(h.sum[:0])[:hashBytes])
	if h.kept.Cap()-h.kept.Len() < len(out) {
		h.kept.Reset()
		h.kept.Grow(keptBytes)
	}
	from := h.kept.Len()
	h.kept.Write(out[:])
	return h.kept.String()[from:]
}
