package access

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeCertificate makes a self-signed certificate with a name and writes it and its key as PEM files.
func writeCertificate(t *testing.T, certFile, keyFile, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "EC PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// handshake connects a client and returns what it sees.
func handshake(t *testing.T, server, client *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	accepted := make(chan error, 1)
	go func() {
		far, err := listener.Accept()
		if err == nil {
			err = tls.Server(far, server).Handshake()
			far.Close()
		}
		accepted <- err
	}()
	near, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	client.InsecureSkipVerify = true // the tests look at the certificate themselves
	conn := tls.Client(near, client)
	err = conn.Handshake()
	if err != nil {
		near.Close()
	}
	if serverErr := <-accepted; err == nil {
		err = serverErr
	}
	return conn.ConnectionState(), err
}

func tempFiles(t *testing.T) CertificateFiles {
	dir := t.TempDir()
	return CertificateFiles{Certificate: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
}

func TestS20OldVersionsOfTLSAreRefused(t *testing.T) {
	files := tempFiles(t)
	writeCertificate(t, files.Certificate, files.Key, "first")
	c, err := OpenCertificates(files)
	if err != nil {
		t.Fatal(err)
	}
	for version, want := range map[uint16]bool{
		tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true,
	} {
		state, err := handshake(t, c.Config(), &tls.Config{MinVersion: version, MaxVersion: version, NextProtos: []string{"h2", "http/1.1"}})
		if (err == nil) != want {
			t.Errorf("%s: got %v, accepted should be %v", tls.VersionName(version), err, want)
		}
		if want && state.NegotiatedProtocol != "http/1.1" {
			t.Errorf("%s: negotiated %q, want http/1.1", tls.VersionName(version), state.NegotiatedProtocol)
		}
	}
}

func TestCertificatesAreReadAnew(t *testing.T) {
	files := tempFiles(t)
	writeCertificate(t, files.Certificate, files.Key, "first")
	c, err := OpenCertificates(files)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	lookAlways(&c.watch)
	config := c.Config()
	shown := func(want string) {
		t.Helper()
		state, err := handshake(t, config, &tls.Config{})
		if err != nil || state.PeerCertificates[0].Subject.CommonName != want {
			t.Errorf("got %v, %v, want the certificate %q", state.PeerCertificates, err, want)
		}
	}
	shown("first")
	writeCertificate(t, files.Certificate, files.Key, "second")
	shown("second")
	if err := os.WriteFile(files.Certificate, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	shown("second")
	shown("second")
	if got := strings.Count(log.String(), "cannot be used"); got != 1 {
		t.Errorf("a broken file was complained about %d times, want once: %s", got, log.String())
	}
	writeCertificate(t, files.Certificate, files.Key, "third")
	shown("third")
}

func TestClientsMustShowACertificateOfTheCA(t *testing.T) {
	files := tempFiles(t)
	dir := filepath.Dir(files.Key)
	writeCertificate(t, files.Certificate, files.Key, "server")
	files.ClientCA = filepath.Join(dir, "ca.pem")
	good := writeCertificate(t, files.ClientCA, filepath.Join(dir, "ca-key.pem"), "client")
	other := writeCertificate(t, filepath.Join(dir, "other.pem"), filepath.Join(dir, "other-key.pem"), "client")
	c, err := OpenCertificates(files)
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		certificates []tls.Certificate
		want         bool
	}{
		"none": {nil, false}, "one of the CA": {[]tls.Certificate{good}, true}, "one of another CA": {[]tls.Certificate{other}, false},
	} {
		client := &tls.Config{GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if len(row.certificates) == 0 {
				return &tls.Certificate{}, nil
			}
			return &row.certificates[0], nil
		}}
		if _, err := handshake(t, c.Config(), client); (err == nil) != row.want {
			t.Errorf("with %s: got %v, accepted should be %v", name, err, row.want)
		}
	}
}

func TestWrongCertificateFilesAreNamed(t *testing.T) {
	files := tempFiles(t)
	if _, err := OpenCertificates(files); err == nil || !strings.Contains(err.Error(), files.Certificate) {
		t.Errorf("no files: got %v, want their names", err)
	}
	if _, err := OpenCertificates(CertificateFiles{Certificate: files.Certificate}); err == nil {
		t.Error("no key: got no error")
	}
	writeCertificate(t, files.Certificate, files.Key, "server")
	writeCertificate(t, files.Certificate, files.Key+".other", "server")
	if _, err := OpenCertificates(files); err == nil || !strings.Contains(err.Error(), files.Key) {
		t.Errorf("another key: got %v, want their names", err)
	}
	files.Key += ".other"
	files.ClientCA = files.Key
	if _, err := OpenCertificates(files); err == nil || !strings.Contains(err.Error(), "no certificate in it") {
		t.Errorf("a CA without certificates: got %v", err)
	}
}
