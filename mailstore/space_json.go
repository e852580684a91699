package mailstore

import (
	"encoding/json"
	"errors"
	"fmt"
)

// JSON fills v from the document that [Space.PutJSON] set key to. known is false if key is not
// there; v is then as it was.
func (s SpaceReader) JSON(key []byte, v any) (known bool, err error) {
	b, err := s.Get(key)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return false, fmt.Errorf("stored %q: %w", key, err)
	}
	return true, nil
}

// PutJSON sets the value of key to v as a JSON document.
func (s Space) PutJSON(key []byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.Put(key, b)
}
