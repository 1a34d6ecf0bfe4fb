// Command pricegen writes tracetally's embedded price book, enrich/book.json, from figures that LiteLLM publishes.
//
//	go run ./internal/pricegen -litellm FILE -history FILE -as-of DATE -out enrich/book.json
//
// FILE is LiteLLM's model_prices_and_context_window.json (https://github.com/BerriAI/litellm, MIT); the history holds one
// observed change of that file per line and gives the last price of models that it no longer has. Prices are facts and are
// written in the project's own format; nothing of the files themselves is copied. The same input gives the same bytes.
// What is left out, and why, goes to the standard output.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pricegen:", err)
		os.Exit(1)
	}
}

func run(args []string, report io.Writer) error {
	flags := flag.NewFlagSet("pricegen", flag.ContinueOnError)
	current := flags.String("litellm", "", "LiteLLM's price file")
	history := flags.String("history", "", "observed changes of that file, one JSON object per line (optional)")
	asOf := flags.String("as-of", "", "date of the price file, YYYY-MM-DD")
	out := flags.String("out", "", "the price book to write")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *current == "" || *out == "" || *asOf == "" {
		return fmt.Errorf("-litellm, -as-of and -out are needed")
	}
	data, err := os.ReadFile(*current)
	if err != nil {
		return fmt.Errorf("read the price file: %w", err)
	}
	var changes []byte
	if *history != "" {
		if changes, err = os.ReadFile(*history); err != nil {
			return fmt.Errorf("read the history: %w", err)
		}
	}
	var notes bytes.Buffer
	book, err := generate(data, changes, *asOf, &notes)
	if err != nil {
		return err
	}
	if err := os.WriteFile(*out, book, 0o644); err != nil { //nolint:gosec // a source file of the project, for everyone to read
		return fmt.Errorf("write the book: %w", err)
	}
	_, err = notes.WriteTo(report)
	return err
}
