package postgres

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"weir/sinks"
)

// Object ids of the types of arguments.
const (
	oidBytea = 17
	oidInt8  = 20
	oidText  = 25
)

// divisionByZero is how the fence fails.
const divisionByZero = "22012"

// commit sends steps 3 to 5 in one go. Nothing of them is done if one fails.
func (s *session) commit(ctx context.Context, checkpoint []byte) error {
	p := s.conn.StartPipeline(ctx)
	s.sendFence(p, checkpoint) // step 3
	var sent []*table          // of the statements behind the fence
	for _, t := range s.tables {
		statements := t.widenings()
		for _, st := range t.stages {
			statements = append(statements, st.statements()...)
		}
		for _, sql := range statements { // step 4
			p.SendQueryParams(sql, nil, nil, nil, nil)
			sent = append(sent, t)
		}
	}
	if s.begun {
		p.SendQueryParams("COMMIT", nil, nil, nil, nil) // step 5
	}
	err := p.Sync()
	if err == nil {
		err = s.results(p, sent)
	} else {
		err = s.conn.explain(ctx, err)
	}
	if e := p.Close(); err == nil && e != nil {
		err = s.conn.explain(ctx, e)
	}
	if err != nil && ctx.Err() != nil {
		return s.conn.explain(ctx, err)
	}
	return err
}

// sendFence writes the checkpoint where the epoch is ours. If there is no such
// row it divides by their number, which is zero: in a pipeline only an error
// keeps the server from what follows.
func (s *session) sendFence(p *pgconn.Pipeline, checkpoint []byte) {
	if checkpoint == nil {
		checkpoint = []byte{}
	}
	p.SendQueryParams("WITH mine AS (UPDATE "+s.checkpoints+" SET checkpoint = $1 WHERE task = $2 AND shard = $3 AND epoch = $4 RETURNING 1) SELECT 1 / count(*) FROM mine",
		[][]byte{checkpoint, []byte(s.task), []byte(s.shard), binary.BigEndian.AppendUint64(nil, uint64(s.epoch))},
		[]uint32{oidBytea, oidText, oidText, oidInt8}, []int16{1, 1, 1, 1}, nil)
}

// results reads the answers: of the fence, of the statements and of COMMIT.
func (s *session) results(p *pgconn.Pipeline, sent []*table) error {
	for i := 0; ; i++ {
		answer, err := p.GetResults()
		if r, ok := answer.(*pgconn.ResultReader); ok && err == nil {
			_, err = r.Close()
		}
		switch {
		case err != nil && i == 0 && codeOf(err) == divisionByZero:
			return fmt.Errorf("shard %s of %s in %s: %w", s.shard, s.task, s.conn.where, sinks.ErrFenced)
		case err != nil && i > 0 && i <= len(sent):
			return fmt.Errorf("table %s: %w", sent[i-1].Ref(), s.blame(s.conn.explain(context.Background(), err)))
		case err != nil:
			return s.conn.explain(context.Background(), err)
		case answer == nil:
			return nil
		}
		if _, ok := answer.(*pgconn.PipelineSync); ok {
			return nil
		}
	}
}
