package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	postgresUser = "nobody" // whom the server runs as when this program is root, which it refuses to be
	postgresPoll = 5 * time.Millisecond
)

var postgres = server{
	name: "PostgreSQL", settings: "SKIP LOCKED, fsync and synchronous_commit on, max_wal_size 4GB", fsynced: "yes",
	install: func(ctx context.Context, s *shop) (string, error) {
		return s.debian(ctx, "postgresql", "postgresql-15", "postgresql-client-15", "libpq5")
	},
	start: startPostgres,
}

// postgresBroker is a table of jobs.
type postgresBroker struct{ url string }

func startPostgres(ctx context.Context, s *shop, st *stage) (driver, error) {
	attributes := &syscall.SysProcAttr{}
	data := st.path("data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		u, err := user.Lookup(postgresUser)
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(u.Uid) // numbers, on Linux
		gid, _ := strconv.Atoi(u.Gid)
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(data, uid, gid); err != nil {
			return nil, err
		}
	}
	program := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(s.at("postgresql", "root", "usr", "lib", "postgresql", "15", "bin", name), args...)
		cmd.Dir, cmd.Env = st.folder, append(os.Environ(), s.libraries("postgresql"))
		cmd.SysProcAttr = attributes
		return cmd
	}
	if out, err := program("initdb", "-D", data, "-A", "trust", "-U", "peers", "--no-locale", "-E", "UTF8").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, lastLines(string(out)))
	}
	address, err := free()
	if err != nil {
		return nil, err
	}
	p, err := st.launch(program("postgres", "-D", data, "-p", port(address), "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "max_connections=1000", "-c", "fsync=on", "-c", "synchronous_commit=on",
		"-c", "max_wal_size=4GB"), syscall.SIGINT)
	if err != nil {
		return nil, err
	}
	b := postgresBroker{fmt.Sprintf("postgres://peers@%s/postgres?sslmode=disable", address)}
	return load{b}, p.ready(ctx, func(ctx context.Context) error {
		c, err := pgx.Connect(ctx, b.url)
		if err != nil {
			return err
		}
		return c.Close(ctx)
	})
}

func (postgresBroker) batches() bool { return true }

// postgresLink is a connection.
type postgresLink struct{ conn *pgx.Conn }

func (b postgresBroker) connect(ctx context.Context) (postgresLink, error) {
	c, err := pgx.Connect(ctx, b.url)
	return postgresLink{c}, err
}

// close does not wait for a server that is in the middle of something.
func (l postgresLink) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = l.conn.Close(ctx) // the work is over
}

func (b postgresBroker) prepare(ctx context.Context) error {
	l, err := b.connect(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	_, err = l.conn.Exec(ctx, "DROP TABLE IF EXISTS jobs; CREATE TABLE jobs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea NOT NULL)")
	return err
}

func (b postgresBroker) producer(ctx context.Context) (producer, error) { return b.connect(ctx) }

func (b postgresBroker) consumer(ctx context.Context, _ int) (consumer, error) { return b.connect(ctx) }

// send inserts the messages with one statement.
func (l postgresLink) send(ctx context.Context, body []byte, n int) error {
	if n == 1 {
		_, err := l.conn.Exec(ctx, "INSERT INTO jobs (body) VALUES ($1)", body)
		return err
	}
	bodies := make([][]byte, n)
	for i := range bodies {
		bodies[i] = body
	}
	_, err := l.conn.Exec(ctx, "INSERT INTO jobs (body) SELECT unnest($1::bytea[])", bodies)
	return err
}

// take holds the rows that it has received locked until they are deleted: a worker that dies gives them back.
func (l postgresLink) take(ctx context.Context, n int) (int, error) {
	tx, err := l.conn.Begin(ctx)
	if err != nil {
		return 0, err
	}
	rows, err := tx.Query(ctx, "SELECT id, body FROM jobs ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED", n)
	if err != nil {
		return 0, err
	}
	var ids []int64
	var id int64
	var body []byte
	if _, err := pgx.ForEachRow(rows, []any{&id, &body}, func() error {
		ids = append(ids, id)
		return nil
	}); err != nil {
		return 0, err
	}
	if len(ids) > 0 {
		if _, err := tx.Exec(ctx, "DELETE FROM jobs WHERE id = ANY($1)", ids); err != nil {
			return 0, err
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return 0, err
	}
	if len(ids) == 0 {
		select {
		case <-ctx.Done():
		case <-time.After(postgresPoll):
		}
	}
	return len(ids), nil
}
