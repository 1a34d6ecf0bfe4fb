package localpg

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Login is a user of the server who is no superuser.
type Login struct {
	server         *Server
	name, password string
}

// Login makes a user with a password of its own, as a member of a role, or of none if memberOf is empty.
func (s *Server) Login(ctx context.Context, name, memberOf string) (Login, error) {
	l := Login{server: s, name: name, password: randomPassword()}
	verifier, err := scramVerifier(l.password)
	if err != nil {
		return Login{}, fmt.Errorf("make a SCRAM verifier: %w", err)
	}
	create := "create role " + pgx.Identifier{name}.Sanitize() + " login password '" + verifier + "'"
	if memberOf != "" {
		create += " in role " + pgx.Identifier{memberOf}.Sanitize()
	}
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return Login{}, fmt.Errorf("connect: %w", err)
	}
	_, err = conn.Exec(ctx, create)
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		return Login{}, fmt.Errorf("create role %s: %w", name, err)
	}
	return l, nil
}

// Name is the user's name.
func (l Login) Name() string { return l.name }

// URL is how this user reaches a database. It holds the password: never print it.
func (l Login) URL(db string) string { return l.server.urlOf(l.name, l.password, db) }

// scramVerifier is what the server keeps of a password (RFC 5803). The server takes it in the password's place, so the
// password itself is in no statement, and in no log of one.
func scramVerifier(password string) (string, error) {
	const rounds = 4096 // PostgreSQL's own number
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	salted, err := pbkdf2.Key(sha256.New, password, salt, rounds, sha256.Size)
	if err != nil {
		return "", err
	}
	mac := func(text string) []byte {
		h := hmac.New(sha256.New, salted)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	stored := sha256.Sum256(mac("Client Key"))
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", rounds, text(salt), text(stored[:]), text(mac("Server Key"))), nil
}
