// Command protodeps writes the .proto sources of the third-party files that the
// API imports into a folder that git ignores. It prints them from the
// descriptors compiled into pinned Go modules, so what buf reads is by
// construction what the Go runtime links.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/jhump/protoreflect/v2/protoprint"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	_ "google.golang.org/genproto/googleapis/api/annotations"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: protodeps OUTDIR")
	}
	n, err := write(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("wrote %d files to %s", n, os.Args[1])
}

// write prints every linked file but the well-known types, which buf carries.
func write(out string) (n int, err error) {
	printer := &protoprint.Printer{Compact: true, ShortOptionsExpansionThresholdCount: 8}
	protoregistry.GlobalFiles.RangeFiles(func(fd protoreflect.FileDescriptor) bool {
		if strings.HasPrefix(fd.Path(), "google/protobuf/") {
			return true
		}
		var text string
		if text, err = printer.PrintProtoToString(fd); err != nil {
			err = fmt.Errorf("%s: %w", fd.Path(), err)
			return false
		}
		file := filepath.Join(out, filepath.FromSlash(fd.Path()))
		if err = os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			return false
		}
		if err = os.WriteFile(file, []byte(text), 0o600); err != nil {
			return false
		}
		n++
		return true
	})
	return n, err
}
