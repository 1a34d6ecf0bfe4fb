package sink

import (
	"fmt"

	lru "github.com/hashicorp/golang-lru/v2"
)

// memo remembers answers of the database that are final: an admitted or refused value, a series id, a day whose partition
// exists. None of it decides whether something counts. It is emptied when the database may be another one than before.
type memo struct {
	series *lru.Cache[dims, folded]
	values *lru.Cache[value, bool] // whether it was admitted
	days   *lru.Cache[int64, struct{}]
}

// folded is a series after the caps.
type folded struct {
	id   int64
	dims dims
}

// value is a value of a dimension.
type value struct{ dimension, text string }

// Sizes of the memo: what is forgotten is asked again. A day costs 8 bytes, a series about 300.
const (
	memoSeries = 20_000
	memoValues = 20_000
	memoDays   = 1000
)

func newMemo() (*memo, error) {
	series, err := lru.New[dims, folded](memoSeries)
	if err != nil {
		return nil, fmt.Errorf("make the memo of series: %w", err)
	}
	values, err := lru.New[value, bool](memoValues)
	if err != nil {
		return nil, fmt.Errorf("make the memo of values: %w", err)
	}
	days, err := lru.New[int64, struct{}](memoDays)
	if err != nil {
		return nil, fmt.Errorf("make the memo of days: %w", err)
	}
	return &memo{series: series, values: values, days: days}, nil
}

func (m *memo) forget() {
	m.series.Purge()
	m.values.Purge()
	m.days.Purge()
}
