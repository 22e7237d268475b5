package exercise_test

import (
	"testing"

	"stave/internal/script"
)

func TestMain(m *testing.M) { script.Main(m, nil) }
