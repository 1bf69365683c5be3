package authn

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/upright-clinic/upright/services/platform/clock"
)

// Names of the files of a keyring folder: <service>.key is private, PKCS #8 in PEM, and
// belongs on the machines of that service alone; <service>.pub is public, PKIX in PEM, and
// makes the reader trust the service.
const (
	privateSuffix = ".key"
	publicSuffix  = ".pub"
	privateBlock  = "PRIVATE KEY"
	publicBlock   = "PUBLIC KEY"
)

// Keyring holds the keys that a process signs with and the keys that it trusts.
type Keyring struct {
	private map[string]ed25519.PrivateKey
	public  map[string]ed25519.PublicKey
}

// GenerateKeyring makes fresh keys for the services, in memory. It is for programs in
// which all of them run in one process, and for tests: nobody else can sign for them.
func GenerateKeyring(services ...string) (*Keyring, error) {
	k := &Keyring{private: map[string]ed25519.PrivateKey{}, public: map[string]ed25519.PublicKey{}}
	for _, service := range services {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("generate the key of %s: %w", service, err)
		}
		k.private[service], k.public[service] = private, public
	}
	return k, nil
}

// LoadKeyring reads every key and public key of a folder. A private key makes its service
// trusted as well. It fails when a file is no Ed25519 key, when a private key can be read
// by every user of the machine, and when both files of a service are there and differ.
func LoadKeyring(dir string) (*Keyring, error) {
	k := &Keyring{private: map[string]ed25519.PrivateKey{}, public: map[string]ed25519.PublicKey{}}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	for _, entry := range entries {
		name, path := entry.Name(), filepath.Join(dir, entry.Name())
		if service, ok := strings.CutSuffix(name, privateSuffix); ok {
			err = k.loadPrivate(service, path)
		} else if service, ok := strings.CutSuffix(name, publicSuffix); ok {
			err = k.loadPublic(service, path)
		}
		if err != nil {
			return nil, fmt.Errorf("key file %s: %w", name, err)
		}
	}
	return k, nil
}

// loadPrivate reads the private key of a service.
func (k *Keyring) loadPrivate(service, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o007 != 0 {
		return fmt.Errorf("mode %s lets every user of this machine read it; chmod 600", info.Mode().Perm())
	}
	der, err := readBlock(path, privateBlock)
	if err != nil {
		return err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return errors.New("not a PKCS #8 key")
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return fmt.Errorf("a %T, not an Ed25519 key", parsed)
	}
	k.private[service] = private
	public, ok := private.Public().(ed25519.PublicKey)
	if !ok {
		return errors.New("the key has no public half")
	}
	return k.trust(service, public)
}

// loadPublic reads the public key of a service.
func (k *Keyring) loadPublic(service, path string) error {
	der, err := readBlock(path, publicBlock)
	if err != nil {
		return err
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return errors.New("not a PKIX public key")
	}
	public, ok := parsed.(ed25519.PublicKey)
	if !ok {
		return fmt.Errorf("a %T, not an Ed25519 key", parsed)
	}
	return k.trust(service, public)
}

// trust adds a public key; two different ones for one service are a mistake.
func (k *Keyring) trust(service string, public ed25519.PublicKey) error {
	if have, ok := k.public[service]; ok && !have.Equal(public) {
		return fmt.Errorf("the %s and %s files of %s do not belong together", privateSuffix, publicSuffix, service)
	}
	k.public[service] = public
	return nil
}

// readBlock returns the content of the one PEM block in a file.
func readBlock(path, kind string) ([]byte, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the path comes from the operator's own folder
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("no PEM block %q", kind)
	}
	return block.Bytes, nil
}

// WriteKeyPair makes a key pair for a service and writes <service>.key and <service>.pub
// into the folder. It fails with [fs.ErrExist] rather than replace a key.
func WriteKeyPair(dir, service string) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("generate the key of %s: %w", service, err)
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return fmt.Errorf("encode the key of %s: %w", service, err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return fmt.Errorf("encode the public key of %s: %w", service, err)
	}
	path := filepath.Join(dir, service)
	if err := writeBlock(path+privateSuffix, privateBlock, privateDER, 0o600); err != nil {
		return err
	}
	return writeBlock(path+publicSuffix, publicBlock, publicDER, 0o644)
}

// writeBlock writes a new file with one PEM block.
func writeBlock(path, kind string, der []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode) //nolint:gosec // the operator's own folder
	if err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	if err := pem.Encode(f, &pem.Block{Type: kind, Bytes: der}); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}

// Signer returns the signer of a service. It fails when the ring has no private key of it.
func (k *Keyring) Signer(service string, clk clock.Clock) (*Signer, error) {
	key, err := k.key(service)
	if err != nil {
		return nil, err
	}
	return NewSigner(service, key, clk), nil
}

// EdgeSigner returns the signer of a process through which people come in; see
// [NewEdgeSigner]. It fails when the ring has no private key of it.
func (k *Keyring) EdgeSigner(service string, clk clock.Clock) (*Signer, error) {
	key, err := k.key(service)
	if err != nil {
		return nil, err
	}
	return NewEdgeSigner(service, key, clk), nil
}

// key returns the private key of a service.
func (k *Keyring) key(service string) (ed25519.PrivateKey, error) {
	key, ok := k.private[service]
	if !ok {
		return nil, fmt.Errorf("authn: the keyring has no %s%s", service, privateSuffix)
	}
	return key, nil
}

// SecretSize is the length of what [Keyring.Secret] returns.
const SecretSize = 32

// Secret derives a symmetric key for a purpose from the private key of a service: every process
// that has the key gets the same one, and other purposes get others. It fails when the ring has
// no private key of the service.
func (k *Keyring) Secret(service, purpose string) ([]byte, error) {
	key, err := k.key(service)
	if err != nil {
		return nil, err
	}
	return hkdf.Key(sha256.New, key.Seed(), nil, "upright secret: "+purpose, SecretSize)
}

// Verifier returns the verifier of a service. It trusts every service of the ring.
func (k *Keyring) Verifier(audience string, clk clock.Clock) *Verifier {
	return NewVerifier(audience, maps.Clone(k.public), clk)
}

// Trusted returns the names of the services that the ring trusts, sorted.
func (k *Keyring) Trusted() []string {
	return slices.Sorted(maps.Keys(k.public))
}
