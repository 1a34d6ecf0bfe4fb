package schemas

import (
	"embed"
	"io/fs"
)

//go:embed jsonschema/*.json
var schemaFiles embed.FS

// JSONSchemas is the published JSON Schemas (draft 2020-12) by file name, one for each shape of record that is decoded.
// What they accept is decoded, counted and complete; a decoder forgives more than they do.
func JSONSchemas() map[string][]byte {
	files, err := fs.ReadDir(schemaFiles, "jsonschema")
	if err != nil {
		panic(err) // embedded: it was there when the program was built
	}
	out := make(map[string][]byte, len(files))
	for _, f := range files {
		if out[f.Name()], err = schemaFiles.ReadFile("jsonschema/" + f.Name()); err != nil {
			panic(err)
		}
	}
	return out
}
