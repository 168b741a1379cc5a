// Verifies a served access ledger with golang.org/x/mod/sumdb, which knows nothing of ours: the signed note, the leaf
// hashes of every bundle against the tiles, inclusion of every entry asked for, and consistency with older sizes.
// Built for wasip1, so that `npm test` runs it on a machine without Go; README.md says how.
// Usage: ledger-check FOLDER VERIFIER_KEY [OLD_SIZE OLD_ROOT_BASE64]...; FOLDER holds the files as they are served.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// c2spPath maps tile/8/L/... of sumdb to tile/L/... of C2SP tlog-tiles.
func c2spPath(tile tlog.Tile) string {
	path := tile.Path()
	if tile.L == -1 {
		return strings.Replace(path, "tile/8/data/", "tile/entries/", 1)
	}
	return strings.Replace(path, "tile/8/", "tile/", 1)
}

type reader struct{ base string }

func (r reader) Height() int { return 8 }
func (r reader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(tiles))
	for i, tile := range tiles {
		data, err := os.ReadFile(r.base + "/" + c2spPath(tile))
		if err != nil {
			return nil, err
		}
		all[i] = data
	}
	return all, nil
}
func (r reader) SaveTiles([]tlog.Tile, [][]byte) {}

func check(base, key string, older []string) error {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return err
	}
	signed, err := os.ReadFile(base + "/checkpoint")
	if err != nil {
		return err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return errors.New("the checkpoint is not of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return err
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return err
	}
	tree := tlog.Tree{N: size, Hash: root}
	hashes := tlog.TileHashReader(tree, reader{base})
	for n := int64(0); n*256 < size; n++ {
		width := min(256, int(size-n*256))
		bundle, err := os.ReadFile(base + "/" + c2spPath(tlog.Tile{H: 8, L: -1, N: n, W: width}))
		if err != nil {
			return err
		}
		indexes := make([]int64, width)
		for i := range indexes {
			indexes[i] = tlog.StoredHashIndex(0, n*256+int64(i))
		}
		stored, err := hashes.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for i := 0; i < width; i++ {
			if len(bundle) < 2 {
				return errors.New("a bundle is too short")
			}
			length := int(binary.BigEndian.Uint16(bundle))
			if len(bundle) < 2+length {
				return errors.New("a bundle is too short")
			}
			if tlog.RecordHash(bundle[2:2+length]) != stored[i] {
				return fmt.Errorf("entry %d is not the one in the tree", n*256+int64(i))
			}
			bundle = bundle[2+length:]
		}
		if len(bundle) != 0 {
			return errors.New("a bundle is too long")
		}
		index := n * 256
		proof, err := tlog.ProveRecord(size, index, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, size, root, index, stored[0]); err != nil {
			return err
		}
	}
	for i := 0; i+1 < len(older); i += 2 {
		old, err := strconv.ParseInt(older[i], 10, 64)
		if err != nil {
			return err
		}
		raw, err := base64.StdEncoding.DecodeString(older[i+1])
		if err != nil {
			return err
		}
		var oldRoot tlog.Hash
		copy(oldRoot[:], raw)
		proof, err := tlog.ProveTree(size, old, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, size, root, old, oldRoot); err != nil {
			return err
		}
	}
	fmt.Printf("ok %d\n", size)
	return nil
}

func main() {
	if err := check(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Println("refused:", err)
		os.Exit(1)
	}
}
