package access

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// CertificateFiles name the PEM files of a TLS server.
type CertificateFiles struct {
	Certificate string // the server's, with the chain behind it
	Key         string // its private key
	ClientCA    string // who signs the clients' certificates; empty: clients need none
}

// Certificates are the certificates of a TLS server. Files that change are read anew, at a handshake and at most
// once a second; connections that are open stay as they are.
type Certificates struct {
	// Logger is told when changed files cannot be used. Nil: slog.Default(). Set it before use.
	Logger *slog.Logger

	files  CertificateFiles
	watch  watch
	config atomic.Pointer[tls.Config]
	load   sync.Mutex // held while the files are read
	seen   []os.FileInfo
}

// OpenCertificates reads the files. Errors say which of them is wrong.
func OpenCertificates(files CertificateFiles) (*Certificates, error) {
	if files.Certificate == "" || files.Key == "" {
		return nil, errors.New("TLS needs both a certificate and its key")
	}
	c := &Certificates{files: files, watch: watch{paths: []string{files.Certificate, files.Key}, now: time.Now}}
	if files.ClientCA != "" {
		c.watch.paths = append(c.watch.paths, files.ClientCA)
	}
	if err := c.read(); err != nil {
		return nil, err
	}
	return c, nil
}

// Config returns the configuration for a listener: TLS 1.2 or later, HTTP/1.1, and, with a ClientCA, clients that
// show a certificate of it.
func (c *Certificates) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return &c.current().Certificates[0], nil
		},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current(), nil },
	}
}

// current returns the configuration for a connection, of files that were looked at within the last second.
func (c *Certificates) current() *tls.Config {
	if c.watch.due() {
		if err := c.read(); err != nil {
			logger := c.Logger
			if logger == nil {
				logger = slog.Default()
			}
			logger.Error("the changed TLS files cannot be used, the certificate stays as it was", "err", err)
		}
	}
	return c.config.Load()
}

// read reads the files if they have changed. On an error the configuration stays as it is.
func (c *Certificates) read() error {
	c.load.Lock()
	defer c.load.Unlock()
	seen, err := c.watch.stamp()
	if err != nil {
		return err
	}
	if sameFiles(seen, c.seen) {
		return nil
	}
	c.seen = seen // also when they are wrong, so that it is complained about once
	pair, err := tls.LoadX509KeyPair(c.files.Certificate, c.files.Key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", c.files.Certificate, c.files.Key, err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, Certificates: []tls.Certificate{pair}}
	if c.files.ClientCA != "" {
		text, err := os.ReadFile(c.files.ClientCA)
		if err != nil {
			return err
		}
		config.ClientCAs = x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("%s has no certificate in it", c.files.ClientCA)
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	c.config.Store(config)
	return nil
}
