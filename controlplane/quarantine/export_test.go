package quarantine

// CutAt makes the next retries fail at a point between their steps.
func (r *Retrier) CutAt(point string, err error) {
	r.cut = func(at string) error {
		if at == point {
			return err
		}
		return nil
	}
}
