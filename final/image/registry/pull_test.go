package registry_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"stave/final/image"
	"stave/final/image/layer"
	"stave/final/image/registry"
	"stave/final/image/store"
)

func TestSmoke(t *testing.T) {
	st, err := store.Open("/tmp/img-try/store", store.Options{Kind: layer.Here()})
	if err != nil {
		t.Fatal(err)
	}
	img, err := registry.Pull(context.Background(), st, os.Getenv("REF"), registry.Options{Progress: func(e image.Event) {
		if e.Status != image.Downloading {
			fmt.Println(e)
		}
	}})
	fmt.Printf("%+v %v\n", img, err)
	fmt.Println(st.LayerPaths(context.Background(), img))
	fmt.Println(st.Images())
}
