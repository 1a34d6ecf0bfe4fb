package main

import (
	"fmt"
	"io"
	"time"
)

// describe prints what is measured, and the heads of the columns.
func describe(w io.Writer, o options, l layout, rows []row) {
	bytes, keyed := 0, 0
	for i := range rows {
		bytes += len(rows[i].bytes)
		if rows[i].key >= 0 {
			keyed++
		}
	}
	fmt.Fprintf(w, "\n%s  layout %s, %d rows, %d a day, event ids %s, trace ids %s, shared buffers %s\n",
		time.Now().UTC().Format(time.DateTime), l.name, o.rows, o.perDay, o.ids, o.traces, o.buffers)
	fmt.Fprintf(w, "%d templates of %d bytes on the wire, %d %% with a trace id\n\n", len(rows), bytes/len(rows), 100*keyed/len(rows))
	fmt.Fprintln(w, "               server CPU, µs a row                         |      a row     |          MB          |    CPU of a look, µs")
	fmt.Fprintln(w, " M rows  user   sys    bg  control  ratio   k rows/s  hits |  WAL B  FPI/1k |  heap    pkey    join | recent  any  wide  twin  found")
}

func (s *step) print(w io.Writer) {
	const mb = 1 << 20
	fmt.Fprintf(w, "%7.2f %5.2f %5.2f %5.2f  %7.2f  %5.3f  %9.1f %5.1f%% | %6.0f  %6.1f | %5d  %6d  %6d | %6.1f %4.0f %5.0f %5.1f  %5.2f\n",
		float64(s.rows)/1e6, s.user, s.system, s.background, s.control, s.ratio(), s.rate/1000, 100*s.hits, s.wal, s.fullPages,
		s.heap/mb, s.unique/mb, s.join/mb, s.reads.recent, s.reads.anyAge, s.reads.wide, s.reads.twin, s.reads.found)
}

// summarise compares the last tenth of the steps with the first.
func summarise(w io.Writer, l layout, steps []step) {
	tenth := max(1, len(steps)/10)
	first, last := steps[:tenth], steps[len(steps)-tenth:]
	highest := 0.0
	for i := range steps {
		highest = max(highest, steps[i].ratio())
	}
	fmt.Fprintf(w, "%s: insert %.2f µs at first, %.2f at last (%+.0f %%); over the control %.3f and %.3f (%+.0f %%), highest %.3f; with the background %.2f and %.2f µs (%+.0f %%)\n",
		l.name, mean(first, (*step).insert), mean(last, (*step).insert), change(first, last, (*step).insert),
		mean(first, (*step).ratio), mean(last, (*step).ratio), change(first, last, (*step).ratio),
		highest,
		mean(first, (*step).all), mean(last, (*step).all), change(first, last, (*step).all))
}

func (s *step) all() float64 { return s.insert() + s.background }

func mean(steps []step, of func(*step) float64) float64 {
	sum := 0.0
	for i := range steps {
		sum += of(&steps[i])
	}
	return sum / float64(len(steps))
}

// change is in percent.
func change(first, last []step, of func(*step) float64) float64 {
	return 100 * (mean(last, of)/mean(first, of) - 1)
}
