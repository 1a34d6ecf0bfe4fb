package sink

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// resolveSeries gives every event of the works its series and every failing one its error series, and sees to it that
// their rows are there. Its statements are autocommitted, on a connection of their own: inside the transaction they would
// lock out of order. A series that nothing counts under in the end is harmless.
func (s *Store) resolveSeries(ctx context.Context, works []*work) error {
	series, err := s.foldSeries(ctx, works)
	if err != nil {
		return err
	}
	steps, err := s.foldSteps(ctx, works)
	if err != nil {
		return err
	}
	rows := map[int64]dims{}
	errorRows := map[int64]errorDims{}
	for _, w := range works {
		for i, d := range w.dims() {
			f := series[d]
			w.series[i] = f.id
			if err := put(rows, f.id, f.dims); err != nil {
				return err
			}
		}
		for i, k := range w.failures() {
			d := errorDimsOf(&k, w.series[k.series], steps[k.step])
			w.errorSeries[i] = d.id()
			if err := put(errorRows, w.errorSeries[i], d); err != nil {
				return err
			}
		}
	}
	if err := s.insertSeries(ctx, rows); err != nil {
		return err
	}
	return s.insertErrorSeries(ctx, errorRows)
}

// put refuses two rows with one id: 64 bits of a hash do not clash in practice, and if they ever do, nothing may be counted
// under the wrong dimensions.
func put[V comparable](rows map[int64]V, id int64, row V) error {
	if have, ok := rows[id]; ok && have != row {
		return fmt.Errorf("%w: two series have the id %d", ErrInvariant, id)
	}
	rows[id] = row
	return nil
}

// foldSeries resolves every distinct combination of dimensions of the works.
func (s *Store) foldSeries(ctx context.Context, works []*work) (map[dims]folded, error) {
	known := map[dims]folded{}
	unknown := map[dims]bool{}
	for _, w := range works {
		for _, d := range w.dims() {
			if _, ok := known[d]; ok || unknown[d] {
				continue
			}
			if f, ok := s.memo.series.Get(d); ok {
				known[d] = f
			} else {
				unknown[d] = true
			}
		}
	}
	if len(unknown) == 0 {
		return known, nil
	}
	return known, s.foldUnknown(ctx, unknown, known)
}

func (s *Store) foldUnknown(ctx context.Context, unknown map[dims]bool, known map[dims]folded) error {
	wanted := map[string]map[string]bool{}
	for d := range unknown {
		c := d.clean()
		for _, v := range c.open() {
			want(wanted, v.name, *v.value)
		}
	}
	in, err := s.admit(ctx, wanted)
	if err != nil {
		return err
	}
	wanted = map[string]map[string]bool{}
	for d := range unknown {
		c := d.clean()
		for _, v := range c.open() {
			*v.value = in.fold(v.name, *v.value)
		}
		known[d] = folded{id: c.id(), dims: c}
		want(wanted, seriesDimension, strconv.FormatInt(known[d].id, 10))
	}
	if in, err = s.admit(ctx, wanted); err != nil {
		return err
	}
	for d := range unknown {
		f := known[d]
		if in.fold(seriesDimension, strconv.FormatInt(f.id, 10)) == other {
			f = f.all()
		}
		known[d] = f
		s.memo.series.Add(d, f)
	}
	return nil
}

// all is the series of everything past the cap of series.
func (f folded) all() folded {
	for _, v := range f.dims.open() {
		*v.value = other
	}
	f.id = f.dims.id()
	return f
}

func (s *Store) foldSteps(ctx context.Context, works []*work) (map[string]string, error) {
	wanted := map[string]map[string]bool{}
	steps := map[string]string{}
	for _, w := range works {
		for _, k := range w.failures() {
			step := k.step
			steps[step] = clean(step)
			want(wanted, stepDimension, steps[step])
		}
	}
	in, err := s.admit(ctx, wanted)
	if err != nil {
		return nil, err
	}
	for raw, step := range steps {
		steps[raw] = in.fold(stepDimension, step)
	}
	return steps, nil
}

func want(wanted map[string]map[string]bool, dimension, text string) {
	if text == "" || text == other {
		return // unknown and the fold itself need no place
	}
	if wanted[dimension] == nil {
		wanted[dimension] = map[string]bool{}
	}
	wanted[dimension][text] = true
}

// admissions are the values that a dimension has a place for.
type admissions map[value]bool

func (a admissions) fold(dimension, text string) string {
	if text == "" || a[value{dimension, text}] {
		return text
	}
	return other
}

// admit asks, for each dimension in one statement, which values are in. What is decided stays: the memo may answer.
func (s *Store) admit(ctx context.Context, wanted map[string]map[string]bool) (admissions, error) {
	in := admissions{}
	for _, dimension := range slices.Sorted(maps.Keys(wanted)) {
		var ask []string
		for text := range wanted[dimension] {
			if admitted, ok := s.memo.values.Get(value{dimension, text}); ok {
				in[value{dimension, text}] = admitted
			} else {
				ask = append(ask, text)
			}
		}
		if len(ask) == 0 {
			continue
		}
		if err := s.askAdmission(ctx, dimension, ask, in); err != nil {
			return nil, err
		}
	}
	return in, nil
}

func (s *Store) askAdmission(ctx context.Context, dimension string, ask []string, in admissions) error {
	const query = `select coalesce(array_agg(v), '{}') from tracetally.admit($1, $2, $3) v`
	var got []string
	if err := s.pool.QueryRow(ctx, query, dimension, ask, s.cfg.Caps.of(dimension)).Scan(&got); err != nil {
		return doing("admit values of "+dimension, err)
	}
	for _, text := range got {
		in[value{dimension, text}] = true
	}
	for _, text := range ask {
		s.memo.values.Add(value{dimension, text}, in[value{dimension, text}])
	}
	return nil
}

// insertSeries adds missing rows and compares those that were there: a clash of hashes stops the worker. It runs at every
// attempt, because a database that was failed over may have lost what an earlier attempt added.
func (s *Store) insertSeries(ctx context.Context, all map[int64]dims) error {
	cols := make([][]string, 9)
	ids := slices.SortedFunc(maps.Keys(all), cmp.Compare[int64])
	for _, id := range ids {
		d := all[id]
		for i, v := range []string{
			d.environment, d.service, d.provider, d.model, d.operation, d.promptName, d.promptVersion, d.taskType, d.inputBucket,
		} {
			cols[i] = append(cols[i], v)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	args := []any{ids}
	for _, c := range cols {
		args = append(args, c)
	}
	const insert = `
insert into tracetally.series (id, environment, service, provider, model, operation, prompt_name, prompt_version, task_type,
    input_length_bucket)
select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::text[])
on conflict (id) do nothing`
	const compare = `
select count(*)
from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::text[]) as u (id, a, b, c, d, e, f, g, h, i)
join tracetally.series s on s.id = u.id
where (s.environment, s.service, s.provider, s.model, s.operation, s.prompt_name, s.prompt_version, s.task_type,
    s.input_length_bucket) is distinct from (u.a, u.b, u.c, u.d, u.e, u.f, u.g, u.h, u.i)`
	return s.insertOrCompare(ctx, insert, compare, args)
}

func (s *Store) insertErrorSeries(ctx context.Context, all map[int64]errorDims) error {
	ids := slices.SortedFunc(maps.Keys(all), cmp.Compare[int64])
	if len(ids) == 0 {
		return nil
	}
	series, status := make([]int64, len(ids)), make([]int32, len(ids))
	retryable := make([]bool, len(ids))
	texts := make([][]string, 5)
	for i, id := range ids {
		d := all[id]
		series[i], status[i], retryable[i] = d.series, d.httpStatus, d.retryable
		for j, v := range []string{d.category, d.reason, d.code, d.step, d.linked} {
			texts[j] = append(texts[j], v)
		}
	}
	const insert = `
insert into tracetally.error_series (id, series_id, http_status, retryable, category, reason, error_code, step, linked)
select * from unnest($1::bigint[], $2::bigint[], $3::int[], $4::bool[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::text[])
on conflict (id) do nothing`
	const compare = `
select count(*)
from unnest($1::bigint[], $2::bigint[], $3::int[], $4::bool[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::text[]) as u (id, a, b, c, d, e, f, g, h)
join tracetally.error_series s on s.id = u.id
where (s.series_id, s.http_status, s.retryable, s.category, s.reason, s.error_code, s.step, s.linked)
    is distinct from (u.a, u.b, u.c, u.d, u.e, u.f, u.g, u.h)`
	args := []any{ids, series, status, retryable}
	for _, t := range texts {
		args = append(args, t)
	}
	return s.insertOrCompare(ctx, insert, compare, args)
}

func (s *Store) insertOrCompare(ctx context.Context, insert, compare string, args []any) error {
	if _, err := s.pool.Exec(ctx, insert, args...); err != nil {
		return doing("insert series", err)
	}
	var clashes int
	if err := s.pool.QueryRow(ctx, compare, args...).Scan(&clashes); err != nil {
		return doing("compare series", err)
	}
	if clashes > 0 {
		return fmt.Errorf("%w: %d series have the id of another", ErrInvariant, clashes)
	}
	return nil
}
