package secret

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxFileBytes is more than any password, key or URL, and less than a file that was named by mistake.
const maxFileBytes = 64 << 10

// ReadFile reads a secret from a file and leaves line ends at its end out. An error says which file and how to mend it,
// never what is in it.
func ReadFile(path string) (Secret, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return Secret{}, failure(path, err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	switch {
	case err != nil:
		return Secret{}, failure(path, err)
	case len(text) > maxFileBytes:
		return Secret{}, fmt.Errorf("read secret: %s is larger than %d bytes: is it the right file?", path, maxFileBytes)
	}
	s := New(strings.TrimRight(string(text), "\r\n"))
	if s.Empty() {
		return Secret{}, fmt.Errorf("read secret: %s is empty", path)
	}
	return s, nil
}

// failure names the file, unless there is none of that name and it does not look like a path: then it may be the secret
// itself, given in the place of its file.
func failure(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) && !filepath.IsAbs(path) {
		return fmt.Errorf("read secret: %w: its name is not shown, in case it is the secret itself: give the whole path of the file", fs.ErrNotExist)
	}
	return fmt.Errorf("read secret: %w%s", err, advice(err))
}

// advice is how to mend an error of the file system, as the end of a sentence.
func advice(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ": check the path, and that it is mounted here"
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf(": let the user that tracetally runs as (id %d) read it", os.Geteuid())
	}
	return ""
}

// Source is where a secret comes from: a file, read anew each time so that it can be replaced while we run, or a text
// that was given once.
type Source struct {
	// File is read at each Read. It wins over Text.
	File string
	// Text is used if File is empty.
	Text Secret
}

// Given tells whether there is a file or a text.
func (s Source) Given() bool { return s.File != "" || !s.Text.Empty() }

// Read is the secret as it is now; empty if none was given. Errors are those of ReadFile.
func (s Source) Read() (Secret, error) {
	if s.File == "" {
		return s.Text, nil
	}
	return ReadFile(s.File)
}
