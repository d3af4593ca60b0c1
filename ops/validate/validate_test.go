// Package validate reads the files for containers as their own tools do. It is
// a module of its own: what it needs is much, and nothing of the service.
package validate

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// lintDockerfile returns what BuildKit's linter says of a Dockerfile.
func lintDockerfile(text []byte) (warnings []string, err error) {
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, message string, _ []parser.Range) {
		warnings = append(warnings, rule+": "+message)
	}})
	file, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	for _, w := range file.Warnings {
		warnings = append(warnings, w.Short)
	}
	_, _, err = instructions.Parse(file.AST, lint)
	return warnings, err
}

func TestDockerfile(t *testing.T) {
	text := read(t, "../../Dockerfile")
	if warnings, err := lintDockerfile(text); err != nil || len(warnings) > 0 {
		t.Errorf("%v, %q", err, warnings)
	}
	bad := append(bytes.Clone(text), "maintainer x\nCmd api\n"...)
	if warnings, err := lintDockerfile(bad); err == nil && len(warnings) == 0 {
		t.Error("the linter finds nothing where there is something")
	}
}

func TestCompose(t *testing.T) {
	options, err := cli.NewProjectOptions([]string{"../../compose.yaml"}, cli.WithProfiles([]string{"*"}))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, service := range project.Services {
		for _, volume := range service.Volumes {
			if volume.Type != "bind" {
				continue
			}
			if _, err := os.Stat(volume.Source); err != nil {
				t.Errorf("%s mounts what is not there: %v", name, err)
			}
		}
	}
	for _, name := range []string{"api", "postgres", "pgbouncer", "prometheus", "grafana"} {
		if _, ok := project.Services[name]; !ok {
			t.Errorf("no service %s", name)
		}
	}
}

func TestManifests(t *testing.T) {
	files, _ := filepath.Glob("../k8s/*.yaml")
	if len(files) < 4 {
		t.Fatalf("found %v", files)
	}
	for _, file := range files {
		if err := decode(read(t, file)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	misspelt := strings.Replace(string(read(t, "../k8s/deployment.yaml")), "readinessProbe:", "readynessProbe:", 1)
	if decode([]byte(misspelt)) == nil {
		t.Error("a misspelt field is not noticed")
	}
}

// TestBudget: what each Deployment's DB_INSTANCES makes of its own pool holds the pools of all of them, with those that a
// rolling update adds.
func TestBudget(t *testing.T) {
	files, _ := filepath.Glob("../k8s/*.yaml")
	opened, counted := 0, map[string]int{}
	for _, file := range files {
		var d appsv1.Deployment
		if err := yaml.Unmarshal(read(t, file), &d); err != nil {
			t.Fatal(err)
		}
		if d.Kind != "Deployment" {
			continue
		}
		env := map[string]int{"DB_POOL_SIZE": 5, "DB_MAX_OVERFLOW": 10}
		for _, variable := range d.Spec.Template.Spec.Containers[0].Env {
			env[variable.Name], _ = strconv.Atoi(variable.Value)
		}
		pool := env["DB_POOL_SIZE"] + env["DB_MAX_OVERFLOW"]
		opened += (int(*d.Spec.Replicas) + d.Spec.Strategy.RollingUpdate.MaxSurge.IntValue()) * pool
		counted[file] = env["DB_INSTANCES"] * pool
	}
	for file, n := range counted {
		if n < opened {
			t.Errorf("%s: DB_INSTANCES counts %d connections, all Deployments open %d", file, n, opened)
		}
	}
	if len(counted) == 0 {
		t.Error("there is no Deployment")
	}
}

// decode knows the kinds that are used; unknown and repeated fields are errors.
func decode(text []byte) error {
	var head struct{ Kind string }
	if err := yaml.Unmarshal(text, &head); err != nil {
		return err
	}
	kinds := map[string]any{
		"Deployment": &appsv1.Deployment{}, "Job": &batchv1.Job{}, "Service": &corev1.Service{},
		"PodDisruptionBudget": &policyv1.PodDisruptionBudget{},
	}
	return yaml.UnmarshalStrict(text, kinds[head.Kind])
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
