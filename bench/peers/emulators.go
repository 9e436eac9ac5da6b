package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

const inMemory = "no: in memory"

// speaking are the servers that speak the SQS API.
var speaking = []server{
	{
		name: "Forebay", settings: "signatures checked", fsynced: "yes",
		install: func(ctx context.Context, s *shop) (string, error) { return s.forebay(ctx) },
		start:   startForebay,
	},
	{
		name: "ElasticMQ", settings: "defaults", fsynced: inMemory,
		install: installElasticMQ,
		start:   func(ctx context.Context, s *shop, st *stage) (driver, error) { return startElasticMQ(ctx, s, st, "") },
	},
	{
		name: "ElasticMQ, persistent", settings: "messages-storage in H2, queues-storage", fsynced: "no: H2 writes it and syncs later",
		install: installElasticMQ,
		start: func(ctx context.Context, s *shop, st *stage) (driver, error) {
			return startElasticMQ(ctx, s, st, fmt.Sprintf(`messages-storage { enabled = true, driver-class = "org.h2.Driver", uri = "jdbc:h2:%s", username = "sa", password = "" }
queues-storage { enabled = true, path = %q }
`, st.path("messages"), st.path("queues.conf")))
		},
	},
	{
		name: "LocalStack", settings: "on the host, SQS only", fsynced: inMemory,
		// The last whose SQS runs on the Python of Debian 12, with older releases of modules that have changed since.
		install: func(ctx context.Context, s *shop) (string, error) {
			return s.pypi(ctx, "localstack", "localstack-core", "localstack-core[base-runtime]==4.4.0", "moto-ext", "cbor2<5.7", "setuptools<80", "pyopenssl<25", "cryptography<45", "service_identity")
		},
		start: func(ctx context.Context, s *shop, st *stage) (driver, error) {
			return simple{args: []string{s.at("localstack", "bin", "python"), "-m", "localstack.runtime.main"},
				env: []string{"GATEWAY_LISTEN=ADDRESS", "SERVICES=sqs", "EAGER_SERVICE_LOADING=1", "DISABLE_EVENTS=1", "LS_LOG=error", "FILESYSTEM_ROOT=FOLDER"}}.start(ctx, s, st)
		},
	},
	{
		name: "moto", settings: "moto_server", fsynced: inMemory,
		install: func(ctx context.Context, s *shop) (string, error) { return s.pypi(ctx, "moto", "moto", "moto[server]") },
		start: func(ctx context.Context, s *shop, st *stage) (driver, error) {
			return simple{args: []string{s.at("moto", "bin", "moto_server"), "-H", "127.0.0.1", "-p", "PORT"}}.start(ctx, s, st)
		},
	},
	{
		name: "MiniStack", settings: "SQS only", fsynced: inMemory,
		install: func(ctx context.Context, s *shop) (string, error) {
			return s.pypi(ctx, "ministack", "ministack", "ministack")
		},
		start: func(ctx context.Context, s *shop, st *stage) (driver, error) {
			return simple{args: []string{s.at("ministack", "bin", "ministack")},
				env: []string{"GATEWAY_PORT=PORT", "BIND_HOST=127.0.0.1", "MINISTACK_HOST=127.0.0.1", "SERVICES=sqs", "LOG_LEVEL=WARNING", "STATE_DIR=FOLDER"}}.start(ctx, s, st)
		},
	},
	{
		name: "fauxqs", settings: "no log", fsynced: inMemory,
		install: func(ctx context.Context, s *shop) (string, error) { return s.npm(ctx, "fauxqs", "fauxqs") },
		start: func(ctx context.Context, s *shop, st *stage) (driver, error) {
			return simple{args: []string{s.at("fauxqs", "node_modules", ".bin", "fauxqs")},
				env: []string{"FAUXQS_PORT=PORT", "FAUXQS_HOST=127.0.0.1", "FAUXQS_LOGGER=false"}}.start(ctx, s, st)
		},
	},
	{
		name: "sqslite", settings: "Query protocol, its only one", fsynced: inMemory,
		install: func(ctx context.Context, s *shop) (string, error) { return s.npm(ctx, "sqslite", "sqslite") },
		start: func(ctx context.Context, s *shop, st *stage) (driver, error) {
			return simple{args: []string{s.at("sqslite", "node_modules", ".bin", "sqslite"), "--host", "127.0.0.1", "--port", "PORT"},
				protocol: "query"}.start(ctx, s, st)
		},
	},
	{
		name: "GoAWS", settings: "log level error", fsynced: inMemory,
		install: func(ctx context.Context, s *shop) (string, error) {
			return s.golang(ctx, "goaws", "github.com/Admiral-Piett/goaws/app/cmd", "v0.5.4")
		},
		start: startGoAWS,
	},
}

// simple starts a server that takes all it needs from arguments and the environment. In both, PORT, ADDRESS and
// FOLDER stand for what it is given.
type simple struct {
	args, env []string
	protocol  string
	address   string // default: a free one
}

func (v simple) start(ctx context.Context, s *shop, st *stage) (driver, error) {
	address := v.address
	if address == "" {
		var err error
		if address, err = free(); err != nil {
			return nil, err
		}
	}
	fill := strings.NewReplacer("PORT", port(address), "ADDRESS", address, "FOLDER", st.folder)
	words := make([]string, len(v.args))
	for i, arg := range v.args {
		words[i] = fill.Replace(arg)
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir, cmd.Env = st.folder, append(os.Environ(), "HOME="+st.folder, "TMPDIR="+st.folder)
	for _, assignment := range v.env {
		name, value, _ := strings.Cut(assignment, "=")
		cmd.Env = append(cmd.Env, name+"="+fill.Replace(value))
	}
	p, err := st.launch(cmd, syscall.SIGTERM)
	if err != nil {
		return nil, err
	}
	if err := p.ready(ctx, listening(address)); err != nil {
		return nil, err
	}
	return sqs{bench: s.at("forebay"), endpoint: "http://" + address, protocol: v.protocol, env: anyKey}, nil
}

func startForebay(ctx context.Context, s *shop, st *stage) (driver, error) {
	address, err := free()
	if err != nil {
		return nil, err
	}
	endpoint, data := "http://"+address, st.path("data")
	p, err := st.launch(exec.Command(s.at("forebay"), "serve", "--listen", address, "--data", data), syscall.SIGTERM)
	if err != nil {
		return nil, err
	}
	err = p.ready(ctx, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/readyz", nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("/readyz: %s", answer.Status)
		}
		return nil
	})
	return sqs{bench: s.at("forebay"), endpoint: endpoint, env: []string{"FOREBAY_DATA=" + data}}, err
}

func installElasticMQ(ctx context.Context, s *shop) (string, error) {
	return s.maven(ctx, "elasticmq", "org.elasticmq", "elasticmq-server_2.13", "1.6.12")
}

func startElasticMQ(ctx context.Context, s *shop, st *stage, more string) (driver, error) {
	address, err := free()
	if err != nil {
		return nil, err
	}
	config, err := st.write("elasticmq.conf", fmt.Sprintf(`include classpath("application.conf")
node-address { protocol = http, host = "127.0.0.1", port = %[1]s, context-path = "" }
rest-sqs { enabled = true, bind-port = %[1]s, bind-hostname = "127.0.0.1", sqs-limits = strict }
rest-stats.enabled = false
%[2]s`, port(address), more))
	if err != nil {
		return nil, err
	}
	return simple{args: []string{"java", "-Dconfig.file=" + config, "-cp", s.at("elasticmq", "jars", "*"), "org.elasticmq.server.Main"},
		address: address}.start(ctx, s, st)
}

func startGoAWS(ctx context.Context, s *shop, st *stage) (driver, error) {
	address, err := free()
	if err != nil {
		return nil, err
	}
	config, err := st.write("goaws.yaml", fmt.Sprintf(`Local:
  Host: 127.0.0.1
  Port: %s
  Region: us-east-1
  AccountId: "000000000000"
  LogToFile: false
`, port(address)))
	if err != nil {
		return nil, err
	}
	return simple{args: []string{s.at("goaws", "cmd"), "-config", config, "-loglevel", "error"}, address: address}.start(ctx, s, st)
}
