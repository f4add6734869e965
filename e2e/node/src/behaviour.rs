//! What a container does, decided from its image, command and arguments.

use std::path::{Path, PathBuf};

use crate::blueprint::ContainerPlan;
use crate::demo::args::Settings;
use crate::image::{self, Image};
use crate::lifecycle::exit::Ending;

/// What a container does on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Runs until it is stopped, and listens on nothing.
    Identity,
    /// Ends at once with code 0.
    Done,
    /// The built-in server.
    Demo {
        /// How it behaves.
        settings: Settings,
        /// Ports that it listens on.
        ports: Vec<u16>,
    },
    /// A process of this machine.
    Process {
        /// The program.
        program: PathBuf,
        /// Its arguments.
        args: Vec<String>,
    },
}

/// Port of the built-in server when the container declares none.
const DEFAULT_PORT: u16 = 8080;
/// Commands of a shell image that are run beside `sh`.
const PLAIN: [&str; 4] = ["sleep", "true", "false", "echo"];
/// Names that stand for a command which is not there, in images that are not really run.
const ABSENT: [&str; 4] = ["does-not-exist", "nonexistent", "no-such", "missing"];

/// Decides what the container does, or how it fails to start.
///
/// `command` and `args` are those of the spec with variables replaced.
///
/// # Errors
///
/// The ending of a container that could not start: the command is not there, or its arguments are wrong.
pub(crate) fn decide(
    plan: &ContainerPlan,
    image: &Image,
    command: &[String],
    args: &[String],
    no_listen: bool,
) -> Result<Behaviour, Ending> {
    let (program, leading) = match command.split_first() {
        Some((program, leading)) => (Some(program.as_str()), leading),
        None => (None, [].as_slice()),
    };
    let args = [leading, args].concat();
    match image {
        Image::Missing => Err(Ending::not_started("the image was never pulled")),
        Image::Demo => demo(plan, program, &args, no_listen),
        Image::Binary(path) => binary(path, program, args),
        Image::Shell => shell(program, args),
        Image::Other => match program {
            Some(program) if ABSENT.iter().any(|absent| program.contains(absent)) => Err(absent(program)),
            _ if plan.must_end() => Ok(Behaviour::Done),
            _ if plan.ports.is_empty() || no_listen => Ok(Behaviour::Identity),
            _ => Ok(Behaviour::Demo { settings: settings(plan), ports: plan.ports.clone() }),
        },
    }
}

fn settings(plan: &ContainerPlan) -> Settings {
    Settings::new(image::tag(plan.image()).unwrap_or("latest"))
}

fn demo(
    plan: &ContainerPlan,
    program: Option<&str>,
    args: &[String],
    no_listen: bool,
) -> Result<Behaviour, Ending> {
    if let Some(program) = program.filter(|program| file_name(program) != "demo") {
        return Err(absent(program));
    }
    let settings = Settings::parse(args, &settings(plan).version)
        .map_err(|message| Ending { message, ..Ending::exited(2) })?;
    if plan.must_end() {
        return Ok(Behaviour::Done);
    }
    if no_listen {
        return Ok(Behaviour::Identity);
    }
    let ports = if plan.ports.is_empty() { vec![DEFAULT_PORT] } else { plan.ports.clone() };
    Ok(Behaviour::Demo { settings, ports })
}

fn binary(path: &Path, program: Option<&str>, args: Vec<String>) -> Result<Behaviour, Ending> {
    let ours = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match program.filter(|program| file_name(program) != ours) {
        Some(program) => Err(absent(program)),
        None => Ok(Behaviour::Process { program: path.to_owned(), args }),
    }
}

fn shell(program: Option<&str>, mut args: Vec<String>) -> Result<Behaviour, Ending> {
    let program = match program {
        Some(program) => program.to_owned(),
        None if args.is_empty() => return Ok(Behaviour::Done),
        None => args.remove(0),
    };
    let name = file_name(&program);
    if name == "sh" {
        return Ok(Behaviour::Process { program: PathBuf::from("/bin/sh"), args });
    }
    if PLAIN.contains(&name) {
        return Ok(Behaviour::Process { program: Path::new("/bin").join(name), args });
    }
    Err(absent(&program))
}

fn file_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

fn absent(program: &str) -> Ending {
    Ending::not_started(format!("exec: {program:?}: executable file not found in $PATH"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::blueprint;

    fn decided(container: Value, image: &Image, no_listen: bool) -> Result<Behaviour, Ending> {
        let mut container = container;
        container["name"] = json!("web");
        let pod = serde_json::from_value(json!({ "spec": { "containers": [container] } })).unwrap();
        let plan = blueprint::containers(&pod).remove(0);
        let words = |words: &Option<Vec<String>>| words.clone().unwrap_or_default();
        let (command, args) = (words(&plan.container.command), words(&plan.container.args));
        decide(&plan, image, &command, &args, no_listen)
    }

    #[test]
    fn a_demo_takes_its_version_from_the_tag_and_its_ports_from_the_spec() {
        let spec = json!({ "image": "linnet.test/demo:v2", "ports": [{ "containerPort": 80 }] });
        let want = Behaviour::Demo { settings: Settings::new("v2"), ports: vec![80] };
        assert_eq!(decided(spec, &Image::Demo, false), Ok(want));
        let spec = json!({ "image": "linnet.test/demo", "command": ["/demo", "--version=v7"] });
        let want = Behaviour::Demo { settings: Settings::new("v7"), ports: vec![DEFAULT_PORT] };
        assert_eq!(decided(spec, &Image::Demo, false), Ok(want));
    }

    #[test]
    fn a_demo_with_bad_arguments_exits_as_a_program_would() {
        let spec = json!({ "image": "demo:v1", "args": ["--latency=often"] });
        let ending = decided(spec, &Image::Demo, false).unwrap_err();
        assert_eq!((ending.code, ending.reason), (2, "Error"));
    }

    #[rstest]
    #[case::demo(Image::Demo, "/app/server")]
    #[case::binary(Image::Binary(PathBuf::from("/x/linnet")), "/manager")]
    #[case::shell(Image::Shell, "python")]
    #[case::other(Image::Other, "/bin/does-not-exist")]
    fn a_command_that_is_not_there_does_not_start(#[case] image: Image, #[case] command: &str) {
        let ending = decided(json!({ "image": "x", "command": [command] }), &image, false).unwrap_err();
        assert_eq!((ending.code, ending.reason), (128, "StartError"));
        assert!(ending.message.contains(command));
    }

    #[test]
    fn a_binary_gets_the_arguments_of_the_spec() {
        let image = Image::Binary(PathBuf::from("/x/linnet"));
        let spec = json!({ "image": "linnet", "command": ["/usr/bin/linnet", "run"], "args": ["--a"] });
        let args = vec!["run".to_owned(), "--a".to_owned()];
        let want = Behaviour::Process { program: PathBuf::from("/x/linnet"), args };
        assert_eq!(decided(spec, &image, false), Ok(want));
    }

    #[test]
    fn a_job_runs_its_shell_line() {
        let spec = json!({ "image": "busybox", "command": ["sh", "-c", "sleep 1; exit 3"] });
        let args = vec!["-c".to_owned(), "sleep 1; exit 3".to_owned()];
        let want = Behaviour::Process { program: PathBuf::from("/bin/sh"), args };
        assert_eq!(decided(spec, &Image::Shell, false), Ok(want));
    }

    #[test]
    fn any_other_image_listens_only_where_it_declares_ports() {
        let bare = json!({ "image": "nginx:1.29" });
        assert_eq!(decided(bare, &Image::Other, false), Ok(Behaviour::Identity));
        let ports = json!({ "image": "nginx:1.29", "ports": [{ "containerPort": 80 }] });
        let want = Behaviour::Demo { settings: Settings::new("1.29"), ports: vec![80] };
        assert_eq!(decided(ports.clone(), &Image::Other, false), Ok(want));
        assert_eq!(decided(ports, &Image::Other, true), Ok(Behaviour::Identity));
    }
}
