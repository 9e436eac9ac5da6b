package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const installLimit = 15 * time.Minute // of one command

// address matches what names a registry in an error. Which one it was says nothing to a reader of the table.
var address = regexp.MustCompile(`https?://\S+`)

// shop installs servers from package registries into folders of its own, and touches nothing else on the machine.
// What is there from an earlier run is used again.
type shop struct {
	folder string // where all is installed
	tree   string // of Forebay's source
}

// at returns the path of something below a server's folder.
func (s *shop) at(elements ...string) string {
	return filepath.Join(append([]string{s.folder}, elements...)...)
}

// run runs a command and returns what it printed to its standard output.
func (s *shop) run(ctx context.Context, folder string, env []string, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, installLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		said := address.ReplaceAllString(errs.String()+"\n"+out.String(), "…")
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(name), err, lastLines(said))
	}
	return strings.TrimSpace(out.String()), nil
}

// once runs install into a server's folder unless an earlier run has finished it.
func (s *shop) once(name string, install func(folder string) error) error {
	folder, mark := s.at(name), s.at(name, ".installed")
	if _, err := os.Stat(mark); err == nil {
		return nil
	}
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := install(folder); err != nil {
		return err
	}
	return os.WriteFile(mark, nil, 0o644)
}

// forebay builds the server of this tree.
func (s *shop) forebay(ctx context.Context) (string, error) {
	binary := s.at("forebay")
	if _, err := s.run(ctx, s.tree, []string{"CGO_ENABLED=0"}, "go", "build", "-trimpath", "-o", binary, "./cmd/forebay"); err != nil {
		return "", err
	}
	commit, err := s.run(ctx, s.tree, nil, "git", "describe", "--always", "--dirty")
	if err != nil {
		return "of this tree", nil // an unpacked archive has no history
	}
	return commit, nil
}

// maven installs an artifact and what it needs as jars.
func (s *shop) maven(ctx context.Context, name, group, artifact, version string) (string, error) {
	return version, s.once(name, func(folder string) error {
		pom := fmt.Sprintf(`<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>peers</groupId><artifactId>peers</artifactId><version>1</version>
<dependencies><dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></dependency></dependencies></project>
`, group, artifact, version)
		if err := os.WriteFile(filepath.Join(folder, "pom.xml"), []byte(pom), 0o644); err != nil {
			return err
		}
		_, err := s.run(ctx, folder, nil, "mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory="+filepath.Join(folder, "jars"))
		return err
	})
}

// pypi installs packages into a Python of their own. The first is the server.
func (s *shop) pypi(ctx context.Context, name, distribution string, packages ...string) (string, error) {
	err := s.once(name, func(folder string) error {
		if _, err := s.run(ctx, folder, nil, "python3", "-m", "venv", folder); err != nil {
			return err
		}
		_, err := s.run(ctx, folder, nil, filepath.Join(folder, "bin", "pip"),
			append([]string{"install", "--quiet", "--disable-pip-version-check"}, packages...)...)
		return err
	})
	if err != nil {
		return "", err
	}
	return s.run(ctx, s.folder, nil, s.at(name, "bin", "python"), "-c",
		"import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))", distribution)
}

// npm installs a package.
func (s *shop) npm(ctx context.Context, name, spec string) (string, error) {
	err := s.once(name, func(folder string) error {
		_, err := s.run(ctx, folder, nil, "npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel", "error", spec)
		return err
	})
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(s.at(name, "node_modules", name, "package.json"))
	if err != nil {
		return "", err
	}
	var about struct{ Version string }
	err = json.Unmarshal(text, &about)
	return about.Version, err
}

// golang builds a server from the Go module proxy. The binary has the name of the last element of the path.
func (s *shop) golang(ctx context.Context, name, module, version string) (string, error) {
	return version, s.once(name, func(folder string) error {
		_, err := s.run(ctx, folder, []string{"GOBIN=" + folder, "GOFLAGS=-mod=mod", "CGO_ENABLED=0"}, "go", "install", module+"@"+version)
		return err
	})
}

// debian unpacks packages, and what they need and the machine does not have, below the folder root. No script of
// theirs runs, no service starts. The version is that of the first.
func (s *shop) debian(ctx context.Context, name string, packages ...string) (string, error) {
	err := s.once(name, func(folder string) error {
		archives := filepath.Join(folder, "archives")
		if err := os.MkdirAll(filepath.Join(archives, "partial"), 0o755); err != nil {
			return err
		}
		args := append([]string{
			"-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root", "-o", "Dir::Cache::archives=" + archives + "/",
			"install", "--download-only", "-y", "-qq", "--no-install-recommends", "--reinstall",
		}, packages...)
		if _, err := s.run(ctx, folder, nil, "apt-get", args...); err != nil {
			return fmt.Errorf("%w (if the list of packages is old or empty: apt-get update, as root)", err)
		}
		found, err := filepath.Glob(filepath.Join(archives, "*.deb"))
		if err != nil {
			return err
		}
		for _, deb := range found {
			if _, err := s.run(ctx, folder, nil, "dpkg-deb", "-x", deb, filepath.Join(folder, "root")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	found, err := filepath.Glob(s.at(name, "archives", packages[0]+"_*.deb"))
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("apt-get has downloaded no %s", packages[0])
	}
	version, err := s.run(ctx, s.folder, nil, "dpkg-deb", "-f", found[0], "Version")
	if _, after, ok := strings.Cut(version, ":"); ok { // the epoch says nothing to people
		version = after
	}
	return version, err
}

// libraries is the environment that makes programs of unpacked packages find the libraries unpacked with them.
func (s *shop) libraries(name string) string {
	found, _ := filepath.Glob(s.at(name, "root", "usr", "lib", "*-linux-gnu")) // the pattern is well formed
	return "LD_LIBRARY_PATH=" + strings.Join(found, ":")
}
